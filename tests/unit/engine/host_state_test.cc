#include "engine/host_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/io/clock.h"
#include "tests/unit/engine/troubled_disk.h"

namespace engine {
namespace {

struct NoLog final : base::Log {
  void Write(base::Severity, std::string_view) override {}
};
struct NoCalls final : delivery::GroupMember::Caller {
  void CallSite(std::uint64_t, delivery::GroupMember::Call) override {}
};

// It has no file in which a part of the day's number could be promised first.
TEST(HostState, OfARehearsalLetsAWarmupSendItsNumber) {
  NoLog log;
  NoCalls calls;
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  HostState host(*disk, "", log);
  const auto warmup = host.limits().WarmupOf({delivery::HostLimits::Kind::kSite, "one", "mx.example"}, {5});
  delivery::WarmupMember member(warmup, calls, 1);
  EXPECT_EQ(warmup->Room(member, io::SystemClock().WallNow()), 5u);
  host.SaveSometimes();
}

TEST(HostState, OfALaterProgramIsTakenUpAsFarAsItIsKnown) {
  const std::string folder = testing::TempDir() + absl::StrFormat("/host_state_later.%d", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/limits-any") << "sluice-limits 1 1\nlater\tone\tx\nlater\tone\ty\n";
  struct Kept final : base::Log {
    void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
    std::vector<std::string> lines;
  } log;
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  HostState host(*disk, folder, log);
  delivery::Source source;
  source.name = "one";
  ASSERT_TRUE(host.Use({source}).ok());
  ASSERT_TRUE(host.Use({source}).ok());
  EXPECT_THAT(log.lines, testing::ElementsAre(testing::HasSubstr("limits-any: 2 of its lines are of a later sluice")));
}

// Whoever says that something is to be saved serves the operator, too.
TEST(HostState, NobodyWaitsForTheDisk) {
  const std::string folder = testing::TempDir() + absl::StrFormat("/host_state.%d", ::getpid());
  std::filesystem::remove_all(folder);
  NoLog log;
  TroubledDisk disk;
  {
    HostState host(disk, folder, log);
    delivery::Source source;
    source.name = "one";
    ASSERT_TRUE(host.Use({source}).ok());
    delivery::SiteStanding::Options slow;
    slow.limits.message_rate = base::Rate{1, base::Duration::Hours(1), 1};
    (void)host.limits().Site("one", "mx.example", 0, slow, io::SystemClock().Now());
    disk.Hold();
    host.SaveSometimes();
    host.SaveSometimes();
    EXPECT_TRUE(disk.LetGo());
    const base::Instant end = io::SystemClock().Now() + base::Duration::Seconds(30);
    while (!disk.Exists(folder + "/limits-any") && io::SystemClock().Now() < end) std::this_thread::yield();
    EXPECT_TRUE(disk.Exists(folder + "/limits-any"));
  }
  std::filesystem::remove_all(folder);
}

struct KeptLog final : base::Log {
  void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

delivery::Source At(std::string_view name, std::string_view address) {
  delivery::Source source;
  source.name = std::string(name);
  if (!address.empty()) source.address = base::IpAddress::Parse(address);
  return source;
}

// Whichever folders they have.
TEST(HostState, ASourceIsOfOneProgramOnTheHost) {
  const std::string folder = testing::TempDir() + absl::StrFormat("/host_names.%d", ::getpid());
  const std::string names = absl::StrFormat("host-state-test.%d.", ::getpid());
  NoLog log;
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  auto first = std::make_unique<HostState>(*disk, folder + "/1", log, names);
  HostState second(*disk, folder + "/2", log, names);
  ASSERT_TRUE(first->Use({At("a", "192.0.2.1"), At("b", "192.0.2.2")}).ok());
  const absl::Status taken = second.Use({At("x", "192.0.2.2")});
  EXPECT_TRUE(absl::IsUnavailable(taken));
  EXPECT_THAT(std::string(taken.message()),
              testing::HasSubstr(absl::StrFormat("source x: in use by process %d of user", ::getpid())));
  EXPECT_TRUE(second.Use({At("y", "192.0.2.3")}).ok());
  EXPECT_THAT(SourcesInUse(folder + "/2", names, {At("x", "192.0.2.2"), At("v", "192.0.2.9"), At("any", "")}),
              testing::ElementsAre("any", "x"));
  EXPECT_THAT(SourcesInUse(folder + "/4", "", {At("x", "192.0.2.2")}), testing::IsEmpty());
  EXPECT_TRUE(HostState(*disk, folder + "/3", log).Use({At("z", "192.0.2.3")}).ok()) << "it does not look at names";
  first.reset();
  EXPECT_TRUE(second.Use({At("x", "192.0.2.2")}).ok());
  std::filesystem::remove_all(folder);
}

// Whichever folders, and sources, they have.
TEST(HostState, WhatHoldsOverAllSourcesIsOfOneProgramOnTheHost) {
  const std::string folder = testing::TempDir() + absl::StrFormat("/host_total.%d", ::getpid());
  const std::string names = absl::StrFormat("host-total-test.%d.", ::getpid());
  NoLog log;
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  auto first = std::make_unique<HostState>(*disk, folder + "/1", log, names);
  HostState second(*disk, folder + "/2", log, names);
  ASSERT_TRUE(first->Use({At("a", "192.0.2.1")}).ok());
  ASSERT_TRUE(first->UseTotals().ok());
  EXPECT_TRUE(first->UseTotals().ok()) << "the same program";
  EXPECT_TRUE(second.Use({At("b", "192.0.2.2")}).ok()) << "who has no such limits may send";
  const absl::Status taken = second.UseTotals();
  EXPECT_TRUE(absl::IsUnavailable(taken));
  EXPECT_THAT(std::string(taken.message()),
              testing::HasSubstr(absl::StrFormat("over all sources: in use by process %d of user", ::getpid())));
  first.reset();
  EXPECT_TRUE(second.UseTotals().ok());
  std::filesystem::remove_all(folder);
}

// It may leave from the other's.
TEST(HostState, ASourceWithoutAnAddressHasNoOtherProgramBesideIt) {
  const std::string folder = testing::TempDir() + absl::StrFormat("/host_any.%d", ::getpid());
  const std::string names = absl::StrFormat("host-any-test.%d.", ::getpid());
  NoLog log;
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  for (const bool any_is_first : {true, false}) {
    const delivery::Source any = At("any", ""), named = At("named", "192.0.2.1");
    auto first = std::make_unique<HostState>(*disk, folder, log, names);
    HostState second(*disk, folder, log, names);
    ASSERT_TRUE(first->Use({any_is_first ? any : named}).ok());
    const absl::Status taken = second.Use({any_is_first ? named : any});
    EXPECT_TRUE(absl::IsUnavailable(taken));
    EXPECT_THAT(std::string(taken.message()),
                testing::HasSubstr(any_is_first ? "whichever address the kernel chooses is in use by process"
                                                : "192.0.2.1 is in use by process"));
    EXPECT_TRUE(first->Use({any, named}).ok()) << "the same program";
    first.reset();
    EXPECT_TRUE(second.Use({any, named}).ok());
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace engine
