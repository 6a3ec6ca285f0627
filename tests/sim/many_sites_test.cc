// What an operator wants of a campaign with many sites: each turn some of them are told, and it holds for all at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kSites = 9000;
constexpr int kTurns = 8;  // Fewer would tell more sites in one.

class ManySites : public testing::Test {
 protected:
  ManySites() {
    std::vector<std::string> addresses;
    for (int i = 0; i < kSites; ++i) addresses.push_back(absl::StrFormat("a@d%d.example", i));
    scenario_ = std::make_unique<Scenario>(Scenario::Options{.addresses = addresses});
    receiver_ = &scenario_->AddReceiver("mx.example", kReceiver);
    for (int i = 0; i < kSites; ++i) {
      scenario_->names().SetMx(absl::StrFormat("d%d.example", i), {absl::StrFormat("mx%d.example", i)});
      scenario_->names().SetAddresses(absl::StrFormat("mx%d.example", i), {kReceiver});
    }
  }
  EngineProcess& process() { return scenario_->process(); }
  void SuspendAll() {
    receiver_->At(Point::kRcpt, Always({.reply = "451 4.7.651 rate limited, try again in 7200 seconds"}));
    scenario_->RunFor(Duration::Minutes(30) + Duration::Milliseconds(234));
    EXPECT_EQ(scenario_->CountLast("deferred"), static_cast<std::uint64_t>(kSites));
    EXPECT_EQ(process().open_sessions(), 0u);
  }
  // Events until then; nothing else happens meanwhile.
  template <typename Condition>
  int StepsUntil(const Condition& is_so) {
    int steps = 0;
    while (!is_so() && scenario_->world().Step()) ++steps;
    return steps;
  }
  static delivery::PauseReason OfAll() {
    return {.by = "operator", .reason = "wait", .sample = "", .scope = {.provider = "", .source = "default"}};
  }

  const base::IpAddress kReceiver = base::IpAddress::V4(0x0B000001);
  std::unique_ptr<Scenario> scenario_;
  Receiver* receiver_ = nullptr;
};

TEST_F(ManySites, HearOfAPauseSomeInEachTurn) {
  SuspendAll();
  process().Pause(OfAll());
  const int steps = StepsUntil([this] { return !process().answers().empty(); });
  EXPECT_GE(steps, kTurns);
  EXPECT_LT(steps, 100);
  EXPECT_FALSE(scenario_->Finish());  // Only paused mail is left, as the next looks find, which take turns, too.
  EXPECT_THAT(scenario_->Pauses(), SizeIs(2));
}

// Connections of those that are told first end at once, and those that are told last wait for room.
TEST_F(ManySites, BeginNothingMoreFromTheMomentOfAPause) {
  receiver_->At(Point::kGreeting, Always({.reply = "220 ready", .wait = Duration::Seconds(20)}));
  scenario_->RunFor(Duration::Minutes(2));
  EXPECT_EQ(process().open_sessions(), 100u);
  process().Pause(OfAll());
  StepsUntil([this] { return scenario_->log().CountOf("is paused until") > 0; });
  EXPECT_LT(StepsUntil([this] { return process().open_sessions() < 100; }), kTurns / 2);
  std::uint32_t open = process().open_sessions();
  const int steps = StepsUntil([this, &open] {
    EXPECT_LE(process().open_sessions(), open);
    open = process().open_sessions();
    return !process().answers().empty();
  });
  EXPECT_GE(steps, kTurns / 2);
  EXPECT_EQ(open, 0u);
}

TEST_F(ManySites, DrainSomeInEachTurn) {
  SuspendAll();
  process().Drain();
  const int steps = StepsUntil([this] { return process().IsStopped(); });
  EXPECT_GE(steps, kTurns);
  EXPECT_LT(steps, 100);
}

TEST_F(ManySites, AreResumedSomeInEachTurn) {
  SuspendAll();
  receiver_->Forget();
  receiver_->At(Point::kGreeting,
                Always({.reply = "220 ready", .wait = Duration::Seconds(20)}));  // Nothing comes between.
  process().Resume();
  EXPECT_GE(StepsUntil([this] { return !process().answers().empty(); }), kTurns);
  process().AskStatus();
  scenario_->RunFor(Duration::Seconds(1));
  ASSERT_THAT(process().answers(), SizeIs(2));
  EXPECT_THAT(process().answers().back().held, IsEmpty());
  EXPECT_EQ(process().open_sessions(), 100u);
}

}  // namespace
}  // namespace sim
