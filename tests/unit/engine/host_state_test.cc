#include "engine/host_state.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

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

}  // namespace
}  // namespace engine
