#include "engine/host_state.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/io/clock.h"

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

}  // namespace
}  // namespace engine
