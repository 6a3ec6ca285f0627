// A sandbox on a thread of its own, for tests of the engine.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "engine/base/log.h"
#include "engine/io/clock.h"
#include "engine/io/mailbox.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"
#include "tools/sandbox/sandbox.h"

namespace engine {

class SilentLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view) override {}
};

class SandboxThread {
 public:
  SandboxThread(sandbox::Personality personality, io::Backend backend) {
    std::atomic<bool> ready = false;
    thread_ = std::thread([this, backend, &ready, personality = std::move(personality)]() mutable {
      Serve(std::move(personality), backend, ready);
    });
    ready.wait(false);
  }
  ~SandboxThread() { Stop(); }

  const sandbox::Sandbox::Ports& ports() const { return ports_; }
  // Ends it. Afterwards totals and oracle rest.
  void Stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    reactor_->Wake();
    woken_ = true;
    woken_.notify_one();
    thread_.join();
  }
  // Requires: Stop was called. One JSON object per recipient.
  const std::string& oracle() const { return oracle_; }

 private:
  void Serve(sandbox::Personality personality, io::Backend backend, std::atomic<bool>& ready) {
    SilentLog log;
    absl::StatusOr<std::unique_ptr<io::Reactor>> reactor = io::MakeReactor({.backend = backend}, log);
    EXPECT_TRUE(reactor.ok());
    reactor_ = reactor->get();
    io::SystemClock clock;
    io::TimerWheel wheel(clock.Now());
    sandbox::Sandbox sandbox(**reactor, wheel, clock, std::move(personality));
    EXPECT_TRUE(sandbox.Start({base::IpAddress::V4(0x7F000001), 0}).ok());
    ports_ = sandbox.ports();
    ready = true;
    ready.notify_one();
    while (!stopping_) {
      (*reactor)->RunOnce(wheel.NextAt());
      clock.Update();
      wheel.Advance(clock.Now());
    }
    woken_.wait(false);  // The reactor must live until it was woken.
    const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
    const std::string path = testing::TempDir() + "/oracle." + std::to_string(ports_.smtp);
    EXPECT_TRUE(sandbox.oracle().Write(*disk, path).ok());
    oracle_ = *io::ReadFile(*disk, path, 1u << 26);
    EXPECT_TRUE(disk->Remove(path).ok());
  }

  io::Reactor* reactor_ = nullptr;
  sandbox::Sandbox::Ports ports_;
  std::string oracle_;
  std::atomic<bool> stopping_ = false, woken_ = false;
  std::thread thread_;
};

}  // namespace engine
