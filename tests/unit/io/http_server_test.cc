#include "engine/io/http_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/io/socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace io {
namespace {

using base::Duration;
using base::Instant;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

const Endpoint kAnywhere{*base::IpAddress::Parse("127.0.0.1"), 0};

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = HttpServer::Listen(kAnywhere, "/metrics");
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void TearDown() override {
    for (const int client : clients_) close(client);
  }

  int Ask(const std::string& text) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const SocketAddress address(server_->local());
    EXPECT_EQ(connect(fd, &address.any, address.size), 0);
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    clients_.push_back(fd);
    return fd;
  }
  // What it hears until the server closes; "": nothing within a second.
  std::string Hear(int client) {
    std::string heard;
    char buffer[4096];
    pollfd waited = {.fd = client, .events = POLLIN, .revents = 0};
    while (poll(&waited, 1, 1000) > 0) {
      const ssize_t size = recv(client, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      heard.append(buffer, static_cast<std::size_t>(size));
    }
    return heard;
  }
  std::string Told(const std::string& request) {
    const int client = Ask(request);
    EXPECT_THAT(server_->Serve(now_), IsEmpty());
    return Hear(client);
  }

  Instant now_ = Instant() + Duration::Hours(1);
  std::unique_ptr<HttpServer> server_;
  std::vector<int> clients_;
};

TEST_F(HttpServerTest, ThePageIsForTheCallerToAnswer) {
  const int client = Ask("GET /metrics?name=x HTTP/1.1\r\nHost: here\r\n\r\n");
  const std::vector<std::uint64_t> asked = server_->Serve(now_);
  ASSERT_THAT(asked, SizeIs(1));
  shutdown(client, SHUT_WR);  // It still reads.
  EXPECT_THAT(server_->Serve(now_), IsEmpty());
  server_->Answer(asked[0], "text/plain", "a 1\n");
  EXPECT_EQ(Hear(client),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\na 1\n");
  server_->Answer(asked[0], "text/plain", "again");  // It has gone.
}

TEST_F(HttpServerTest, EverythingElseIsRefused) {
  EXPECT_THAT(Told("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Told("POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome body"),
              testing::AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nAllow: GET\r\n")));
  EXPECT_THAT(Told("metrics\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Told("GET /metrics SMTP\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, ARequestIsOfBoundedLength) {
  const int client = Ask("GET /metrics HTTP/1.1\r\nX: " + std::string(HttpServer::kRequestMax, 'x'));
  std::string heard;
  for (int i = 0; i < 3; ++i) EXPECT_THAT(server_->Serve(now_), IsEmpty());
  EXPECT_THAT(Hear(client), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, ASlowClientIsCutOffAndHoldsUpNobody) {
  const int slow = Ask("GET /met");
  EXPECT_THAT(server_->Serve(now_), IsEmpty());
  Ask("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(server_->Serve(now_ + Duration::Seconds(1)), SizeIs(1));
  EXPECT_THAT(server_->Serve(now_ + HttpServer::kPatience), IsEmpty());
  EXPECT_EQ(Hear(slow), "");
}

TEST_F(HttpServerTest, OneTooManyTakesThePlaceOfTheOldest) {
  const int oldest = Ask("GET /met");
  for (std::size_t i = 1; i < HttpServer::kConnectionsMax; ++i) Ask("GET /met");
  EXPECT_THAT(server_->Serve(now_), IsEmpty());
  Ask("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(server_->Serve(now_), SizeIs(1));
  EXPECT_EQ(Hear(oldest), "");
}

TEST_F(HttpServerTest, AnAddressThatIsTakenIsNamed) {
  const auto second = HttpServer::Listen(server_->local(), "/metrics");
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->local().ToString()));
}

}  // namespace
}  // namespace io
