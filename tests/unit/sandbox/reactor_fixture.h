// A real reactor in the test's own thread, and a scripted client on it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "engine/base/log.h"
#include "engine/io/clock.h"
#include "engine/io/disk.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"

namespace sandbox {

class NoLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view) override {}
};

// A raw connection: keeps what comes, and sends what it is told.
class Client final : public io::StreamHandler {
 public:
  void OnConnect() override { connected = true; }
  void OnReceive(std::string_view bytes) override { received.append(bytes); }
  void OnSent() override {}
  void OnClose(io::CloseReason why) override {
    closed = true;
    reason = why;
  }
  bool connected = false;
  bool closed = false;
  io::CloseReason reason;
  std::string received;
};

class ReactorTest : public testing::Test {
 protected:
  ReactorTest() : reactor_(*io::MakeReactor({.backend = io::Backend::kEpoll}, log_)), wheel_(clock_.Now()) {}

  // Runs the loop until `done` says so. False: ten seconds were not enough.
  template <typename Done>
  bool RunUntil(Done done) {
    clock_.Update();
    const base::Instant end = clock_.Now() + base::Duration::Seconds(10);
    while (!done()) {
      if (clock_.Now() > end) return false;
      reactor_->RunOnce(std::min(wheel_.NextAt(), clock_.Now() + base::Duration::Milliseconds(50)));
      clock_.Update();
      wheel_.Advance(clock_.Now());
    }
    return true;
  }
  // Connects and sends everything at once, after the greeting, and returns what came until the server closed.
  std::string Talk(const io::Endpoint& server, std::string_view text, Client& client) {
    const io::StreamId id = reactor_->Connect({server, std::nullopt}, client);
    const bool greeted = RunUntil([&] { return client.closed || client.received.ends_with("\n"); });
    EXPECT_TRUE(greeted);
    if (!client.closed) reactor_->Send(id, std::array{text});
    EXPECT_TRUE(RunUntil([&] { return client.closed; })) << client.received;
    return client.received;
  }
  std::string Talk(const io::Endpoint& server, std::string_view text) {
    Client client;
    return Talk(server, text, client);
  }

  NoLog log_;
  std::unique_ptr<io::Reactor> reactor_;
  io::SystemClock clock_;
  io::TimerWheel wheel_;
  std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
};

inline const io::Endpoint kAnyPort = *io::Endpoint::Parse("127.0.0.1:0");

inline std::string Message(const std::string& recipient, const std::string& id) {
  const std::string content = "Message-ID: <" + id + ">\r\n\r\nhello\r\n";
  return "MAIL FROM:<a@example.com>\r\nRCPT TO:<" + recipient + ">\r\nBDAT " + std::to_string(content.size()) +
         " LAST\r\n" + content;
}

}  // namespace sandbox
