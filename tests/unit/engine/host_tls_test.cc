#include "engine/host_tls.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>

#include "engine/io/clock.h"
#include "engine/io/file_lock.h"

namespace engine {
namespace {

struct NoLog final : base::Log {
  void Write(base::Severity, std::string_view) override {}
};

class HostTlsTest : public testing::Test {
 protected:
  HostTlsTest() : folder_(testing::TempDir() + "host_tls." + std::to_string(getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~HostTlsTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<HostTls> Make() { return std::make_unique<HostTls>(*disk_, folder_, folder_, "", nullptr, log_); }
  static void Put(HostTls& tls, const std::string& domain) {
    const auto policy = tls::ParseStsPolicy("version: STSv1\nmode: testing\nmx: x.example\nmax_age: 864000\n", "1");
    tls.sts_cache().Put(domain, *policy, io::SystemClock().WallNow());
  }
  // What a later program finds.
  std::size_t Kept() { return Make()->sts_cache().size(); }

  const std::string folder_;
  const std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
  NoLog log_;
};

TEST_F(HostTlsTest, WhatCouldNotBeWrittenIsWrittenLater) {
  const std::string in_the_way = folder_ + "/mta-sts.cache";
  std::filesystem::create_directories(in_the_way);
  std::unique_ptr<HostTls> tls = Make();
  Put(*tls, "one.example");
  tls->results().Add({20'785, "one.example", tls::PolicyType::kSts, tls::Result::kSuccess});
  tls->Poll();
  std::filesystem::remove(in_the_way);
  EXPECT_EQ(Kept(), 0u);
  tls.reset();
  EXPECT_EQ(Kept(), 1u);
}

TEST_F(HostTlsTest, ItWaitsForAnotherProgramThatWrites) {
  std::unique_ptr<HostTls> tls = Make();
  Put(*tls, "one.example");
  auto lock = io::FileLock::Take(folder_ + "/mta-sts.lock");
  ASSERT_TRUE(lock.ok());
  tls->Poll();
  EXPECT_EQ(Kept(), 0u);
  std::thread ends([&tls] { tls.reset(); });
  lock->reset();
  ends.join();
  EXPECT_EQ(Kept(), 1u);
}

TEST_F(HostTlsTest, ProgramsThatWriteAtTheSameTimeLoseNothingOfEachOther) {
  constexpr int kRounds = 25;
  const auto write = [this](char name) {
    for (int i = 0; i < kRounds; ++i) Put(*Make(), std::string(1, name) + std::to_string(i) + ".example");
  };
  std::thread a(write, 'a'), b(write, 'b');
  a.join();
  b.join();
  EXPECT_EQ(Kept(), 2u * kRounds);
}

}  // namespace
}  // namespace engine
