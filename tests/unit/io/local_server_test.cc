#include "engine/io/local_server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>
#include <string>
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

}  // namespace
}  // namespace io
