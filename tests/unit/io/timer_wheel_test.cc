#include "engine/io/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace io {
namespace {

base::Instant At(std::int64_t milliseconds) { return base::Instant::FromNanoseconds(milliseconds * 1'000'000); }

struct Fixture : testing::Test {
  Timer Logs(const std::string& name) {
    return Timer([this, name] { fired.push_back(name); });
  }
  TimerWheel wheel{At(1'000)};
  std::vector<std::string> fired;
};
using TimerWheelTest = Fixture;
using Names = std::vector<std::string>;

TEST_F(TimerWheelTest, FiresAtItsTimeAndNotBefore) {
  Timer timer = Logs("a");
  EXPECT_TRUE(wheel.NextAt().IsNever());
  wheel.Set(timer, At(1'500));
  EXPECT_TRUE(timer.IsSet());
  EXPECT_EQ(timer.at(), At(1'500));
  wheel.Advance(At(1'499));
  EXPECT_TRUE(fired.empty());
  EXPECT_LE(wheel.NextAt(), At(1'500));
  wheel.Advance(At(1'500));
  EXPECT_EQ(fired, Names{"a"});
  EXPECT_FALSE(timer.IsSet());
  EXPECT_TRUE(wheel.NextAt().IsNever());
}

TEST_F(TimerWheelTest, RoundsUpToATick) {
  Timer timer = Logs("a");
  wheel.Set(timer, At(1'500) + base::Duration::Nanoseconds(1));
  wheel.Advance(At(1'500) + base::Duration::Microseconds(999));
  EXPECT_TRUE(fired.empty());
  wheel.Advance(At(1'501));
  EXPECT_EQ(fired, Names{"a"});
}

TEST_F(TimerWheelTest, FiresByTickAndThenInTheOrderSet) {
  Timer a = Logs("a"), b = Logs("b"), c = Logs("c"), d = Logs("d"), e = Logs("e");
  wheel.Set(a, At(90'000));
  wheel.Set(b, At(2'000));
  wheel.Set(c, At(90'000));
  wheel.Advance(At(89'990));  // The slots of a and c have moved down a level by now.
  wheel.Set(d, At(90'000));
  wheel.Set(a, At(90'000));  // Set again: now after d.
  wheel.Set(e, At(89'999));
  wheel.Advance(At(100'000));
  EXPECT_EQ(fired, (Names{"b", "e", "c", "d", "a"}));
}

TEST_F(TimerWheelTest, TimersOfThePastFireInTheNextAdvanceInTheSameOrder) {
  Timer a = Logs("a"), b = Logs("b"), c = Logs("c"), d = Logs("d"), e = Logs("e");
  wheel.Advance(At(5'000));
  wheel.Set(a, At(5'000));
  wheel.Set(b, At(4'000));
  wheel.Set(c, At(4'500));
  wheel.Set(d, At(4'000));
  wheel.Set(e, At(0));
  EXPECT_LE(wheel.NextAt(), At(5'000));
  wheel.Cancel(c);
  wheel.Advance(At(5'000));
  EXPECT_EQ(fired, (Names{"e", "b", "d", "a"}));
}

TEST_F(TimerWheelTest, ATimerSetByACallbackFiresInALaterAdvance) {
  int count = 0;
  Timer again([] {});
  Timer timer([&] {
    ++count;
    wheel.Set(again, At(1'001));
  });
  Timer rearmed([&] {
    fired.push_back("x");
    wheel.Set(rearmed, At(1'100));
  });
  wheel.Set(timer, At(1'200));
  wheel.Set(rearmed, At(1'050));
  wheel.Advance(At(2'000));
  EXPECT_EQ(count, 1);
  EXPECT_EQ(fired, Names{"x"});
  EXPECT_TRUE(again.IsSet());
  EXPECT_LE(wheel.NextAt(), At(2'000));
  wheel.Advance(At(2'000));
  EXPECT_EQ(fired, (Names{"x", "x"}));
  EXPECT_FALSE(again.IsSet());
  wheel.Cancel(rearmed);
}

TEST_F(TimerWheelTest, ACallbackMayCancelOthersAndDestroyItsTimer) {
  Timer victim = Logs("victim");
  std::unique_ptr<Timer> self;
  std::string kept = "a long enough string that it lives on the heap, captured by the callback";
  self = std::make_unique<Timer>([&, kept] {
    wheel.Cancel(victim);
    self.reset();
    fired.push_back(kept.substr(0, 1));
  });
  wheel.Set(*self, At(1'010));
  wheel.Set(victim, At(1'010));
  wheel.Advance(At(1'010));
  EXPECT_EQ(fired, Names{"a"});
  EXPECT_EQ(self, nullptr);
}

TEST_F(TimerWheelTest, NeverCancelsAndSettingMoves) {
  Timer timer = Logs("a");
  wheel.Set(timer, At(1'100));
  wheel.Set(timer, base::Instant::Never());
  EXPECT_FALSE(timer.IsSet());
  wheel.Set(timer, At(1'100));
  wheel.Set(timer, At(900'000));
  wheel.Advance(At(899'999));
  EXPECT_TRUE(fired.empty());
  wheel.Advance(At(900'000));
  EXPECT_EQ(fired, Names{"a"});
  wheel.Cancel(timer);  // Not set: nothing happens.
}

TEST_F(TimerWheelTest, DestructionOnEitherSideCancels) {
  Timer outlives = Logs("a");
  {
    TimerWheel short_lived(At(0));
    short_lived.Set(outlives, At(10));
    Timer gone([] {});
    wheel.Set(gone, At(1'010));
  }
  EXPECT_FALSE(outlives.IsSet());
  wheel.Advance(At(10'000));
  EXPECT_TRUE(fired.empty());
}

TEST_F(TimerWheelTest, JumpsOverYearsTouchOnlyWhatIsSet) {
  constexpr std::int64_t kYear = 365LL * 86'400'000;
  Timer soon = Logs("soon"), late = Logs("late"), last = Logs("last");
  wheel.Set(last, base::Instant::FromNanoseconds(base::Instant::Never().nanoseconds() - 1'000'000'000));
  wheel.Set(late, At(200 * kYear));
  wheel.Set(soon, At(kYear));
  int turns = 0;
  for (base::Instant now = wheel.NextAt(); !now.IsNever(); now = wheel.NextAt()) {
    wheel.Advance(now);
    ASSERT_LT(++turns, 60);
  }
  EXPECT_EQ(fired, (Names{"soon", "late", "last"}));
}

TEST_F(TimerWheelTest, TimeThatGoesBackwardsChangesNothing) {
  Timer timer = Logs("a");
  wheel.Advance(At(5'000));
  wheel.Set(timer, At(5'500));
  wheel.Advance(At(100));
  wheel.Advance(At(5'499));
  EXPECT_TRUE(fired.empty());
  wheel.Advance(At(5'500));
  EXPECT_EQ(fired, Names{"a"});
}

// Against a sorted map, over random sets, moves, cancels and jumps of every size.
TEST(TimerWheelModel, AgreesWithASortedMap) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    constexpr std::size_t kTimers = 200;
    std::int64_t now = 1'000;
    TimerWheel wheel(At(now));
    std::map<std::pair<std::int64_t, std::uint64_t>, std::size_t> model;  // (tick, order) to timer
    std::vector<std::pair<std::int64_t, std::uint64_t>> keys(kTimers);
    std::uint64_t order = 0;
    std::vector<std::size_t> fired, expected;
    std::vector<std::unique_ptr<Timer>> timers;
    for (std::size_t i = 0; i < kTimers; ++i) {
      timers.push_back(std::make_unique<Timer>([&fired, i] { fired.push_back(i); }));
    }
    for (int step = 0; step < 2'000; ++step) {
      const std::size_t i = random() % kTimers;
      const std::int64_t span = std::int64_t{1} << (random() % 36);
      const std::uint64_t action = random() % 10;
      if (action < 6) {
        const std::int64_t at = std::max<std::int64_t>(
            1'000, now + static_cast<std::int64_t>(random() % 2'000'000) % span - (random() % 4 == 0 ? 50 : 0));
        model.erase(keys[i]);
        keys[i] = {at, ++order};
        model[keys[i]] = i;
        wheel.Set(*timers[i], At(at));
      } else if (action < 7) {
        model.erase(keys[i]);
        wheel.Cancel(*timers[i]);
      } else {
        now += static_cast<std::int64_t>(random()) % span >= 0 ? static_cast<std::int64_t>(random() % 4'000) % span : 0;
        if (!model.empty()) {
          EXPECT_LE(wheel.NextAt(), At(std::max(now, model.begin()->first.first)));
        }
        fired.clear();
        expected.clear();
        while (!model.empty() && model.begin()->first.first <= now) {
          expected.push_back(model.begin()->second);
          model.erase(model.begin());
        }
        wheel.Advance(At(now));
        ASSERT_EQ(fired, expected) << "seed " << seed << " step " << step;
        ASSERT_EQ(wheel.NextAt().IsNever(), model.empty());
      }
    }
  }
}

}  // namespace
}  // namespace io
