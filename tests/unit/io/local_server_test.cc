#include "engine/io/local_server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "gtest/gtest.h"

namespace io {
namespace {

class LocalServerTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + absl::StrFormat("/local_server.%d", ::getpid());
    auto server = LocalServer::Listen(path_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  int Ask(const std::string& text) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    return fd;
  }
  std::vector<LocalServer::Request> Serve() { return server_->Serve(base::Instant()); }

  std::string path_;
  std::unique_ptr<LocalServer> server_;
};

TEST_F(LocalServerTest, ARequestIsHandedOutAndAnswered) {
  const int client = Ask("status\nand more");
  const std::vector<LocalServer::Request> requests = Serve();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].line, "status");
  EXPECT_TRUE(server_->Waits(requests[0].connection));
  server_->Answer(requests[0].connection, "fine");
  EXPECT_FALSE(server_->Waits(requests[0].connection));
  char buffer[100];
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(recv(client, buffer, sizeof buffer, 0))), "fine\n");
  close(client);
}

TEST_F(LocalServerTest, ARequestOfAClientThatHasGoneIsNotHandedOut) {
  close(Ask("cancel\n"));
  EXPECT_TRUE(Serve().empty());
  EXPECT_TRUE(Serve().empty());
}

TEST_F(LocalServerTest, AClientThatGoesLaterWaitsNoMore) {
  const int client = Ask("cancel\n");
  const std::vector<LocalServer::Request> requests = Serve();
  ASSERT_EQ(requests.size(), 1U);
  close(client);
  EXPECT_TRUE(Serve().empty());
  EXPECT_FALSE(server_->Waits(requests[0].connection));
  server_->Answer(requests[0].connection, "too late");
}

// An answer is sent as it is read, in many parts; whoever does not read it has nobody serve him all the time.
TEST_F(LocalServerTest, ALargeAnswerIsBeingSentWhileItIsRead) {
  const auto at = [](std::int64_t milliseconds) {
    return base::Instant() + base::Duration::Seconds(1) + base::Duration::Milliseconds(milliseconds);
  };
  const int client = Ask("status\n");
  const std::vector<LocalServer::Request> requests = server_->Serve(at(0));
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_FALSE(server_->IsSending());
  server_->Answer(requests[0].connection, std::string(4 << 20, 'x'));
  EXPECT_TRUE(server_->IsSending());
  server_->Serve(at(100));
  EXPECT_TRUE(server_->IsSending());
  server_->Serve(at(1000));
  EXPECT_FALSE(server_->IsSending()) << "nobody reads";
  std::size_t received = 0;
  bool is_sending = false;
  std::string buffer(1 << 20, '\0');
  for (ssize_t size = 1; size > 0; received += static_cast<std::size_t>(size)) {
    size = recv(client, buffer.data(), buffer.size(), 0);
    server_->Serve(at(1000));
    is_sending = is_sending || server_->IsSending();
  }
  EXPECT_TRUE(is_sending);
  EXPECT_EQ(received, (4U << 20) + 1);
  EXPECT_FALSE(server_->IsSending());
  close(client);
}

class CrowdedServerTest : public LocalServerTest {
 protected:
  // Clients that have gone again, and of whom the server knows nothing yet: nobody else finds room.
  void FillQueue() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    for (bool found_room = true; found_room;) {
      const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      found_room = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      close(fd);
    }
  }
};

TEST_F(CrowdedServerTest, WhoFindsNoRoomWaitsForIt) {
  FillQueue();
  absl::StatusOr<std::string> answer;
  std::atomic<bool> is_over = false;
  std::thread client([&] {
    answer = AskLocal(path_, "status", base::Duration::Seconds(60));
    is_over = true;
  });
  while (!is_over) {
    for (const LocalServer::Request& request : Serve()) server_->Answer(request.connection, request.line + ": fine");
    std::this_thread::yield();
  }
  client.join();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "status: fine");
}

TEST_F(CrowdedServerTest, OneTooManyTakesThePlaceOfWhoHasBeenSilentLongest) {
  std::vector<int> silent;
  for (int i = 0; i < 32; ++i) silent.push_back(Ask("stat"));
  EXPECT_TRUE(Serve().empty());
  const int client = Ask("status\n");
  const std::vector<LocalServer::Request> requests = Serve();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].line, "status");
  char byte;
  EXPECT_EQ(recv(silent[0], &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(recv(silent[1], &byte, 1, MSG_DONTWAIT), -1);
  close(client);
  for (const int fd : silent) close(fd);
}

TEST_F(CrowdedServerTest, WhereAllHaveAskedTheNextWaitsForAnAnswerToOne) {
  std::vector<int> clients;
  for (int i = 0; i < 33; ++i) clients.push_back(Ask("status\n"));
  const std::vector<LocalServer::Request> requests = Serve();
  ASSERT_EQ(requests.size(), 32U);
  EXPECT_TRUE(Serve().empty());
  server_->Answer(requests[0].connection, "fine");
  EXPECT_EQ(Serve().size(), 1U);
  for (const int fd : clients) close(fd);
}

TEST_F(CrowdedServerTest, WhoWaitsInVainIsToldSo) {
  FillQueue();
  EXPECT_TRUE(absl::IsDeadlineExceeded(AskLocal(path_, "status", base::Duration::Milliseconds(20)).status()));
}

}  // namespace
}  // namespace io
