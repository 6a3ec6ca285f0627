// The simulator's own count of rates against its definition, and the engine's gate against that count.
#include "tests/sim/rate_count.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/base/prng.h"
#include "engine/delivery/rate_gate.h"

namespace sim {
namespace {

using base::Duration;
using base::Instant;
using base::Rate;
using Verdict = Arrivals::Verdict;

constexpr Duration kLongest = Duration::Seconds(2);

RateHistory Always(const Rate& rate) {
  RateHistory history;
  history.Set(rate, Instant());
  return history;
}

Instant After(Duration wait) { return Instant() + wait; }

TEST(RateCount, TheBurstAndWhatTheRateGivesMayArrive) {
  const RateHistory rate = Always({30, Duration::Minutes(1), 3});
  Arrivals arrivals;
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Minutes(5)), kLongest), Verdict::kFine);
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Minutes(5)), kLongest), Verdict::kFine);
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Minutes(5)), kLongest), Verdict::kFine);
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Minutes(5)), kLongest), Verdict::kLast);  // On its way for 2 s.
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Minutes(5) + Duration::Seconds(2)), kLongest), Verdict::kLast);
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Minutes(5) + Duration::Nanoseconds(3'999'999'999)), kLongest),
            Verdict::kTooMany);
}

TEST(RateCount, NoPartOfAMessageIsRoundedAway) {
  constexpr std::int64_t kDay = Duration::Hours(24).nanoseconds();
  constexpr Duration kOne = Duration::Nanoseconds(1);
  const RateHistory rate = Always({7, Duration::Hours(24), std::nullopt});
  Arrivals arrivals;
  for (std::int64_t n = 0; n < 7000; ++n)  // Each in the first nanosecond that is not too early.
    ASSERT_NE(arrivals.Add(rate, After(Duration::Nanoseconds((n * kDay + 6) / 7)), kOne), Verdict::kTooMany) << n;
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Nanoseconds(kDay * 1000 - 2)), kOne), Verdict::kTooMany);
}

TEST(RateCount, AFasterRateGivesNoBurst) {
  RateHistory rate = Always({6, Duration::Minutes(1), 5});
  Arrivals arrivals;
  for (int n = 0; n < 5; ++n) EXPECT_NE(arrivals.Add(rate, After({}), {}), Verdict::kTooMany);
  rate.Set(Rate{60, Duration::Minutes(1), 5}, After(Duration::Seconds(1)));
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Seconds(1)), {}), Verdict::kTooMany);
}

TEST(RateCount, ASlowerRateForgivesWhatItGivesLess) {
  RateHistory rate = Always({60, Duration::Minutes(1), 20});
  Arrivals arrivals;
  for (int n = 0; n < 20; ++n) EXPECT_NE(arrivals.Add(rate, After({}), {}), Verdict::kTooMany);
  rate.Set(Rate{6, Duration::Minutes(1), 20}, After({}));
  for (int n = 0; n < 18; ++n) EXPECT_NE(arrivals.Add(rate, After({}), {}), Verdict::kTooMany);
  EXPECT_EQ(arrivals.Add(rate, After({}), {}), Verdict::kTooMany);
}

TEST(RateCount, WithoutARateNothingIsCounted) {
  RateHistory rate = Always({6, Duration::Minutes(1), 1});
  Arrivals arrivals;
  EXPECT_EQ(arrivals.Add(rate, After({}), kLongest), Verdict::kLast);
  rate.Set(std::nullopt, After({}));
  for (int n = 0; n < 100; ++n) EXPECT_EQ(arrivals.Add(rate, After({}), kLongest), Verdict::kFine);
  rate.Set(Rate{6, Duration::Minutes(1), 1}, After(Duration::Seconds(1)));
  for (int n = 0; n < 100; ++n)  // These are still under way.
    EXPECT_EQ(arrivals.Add(rate, After(Duration::Nanoseconds(2'999'999'999)), kLongest), Verdict::kFine);
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Seconds(3)), kLongest), Verdict::kLast);
  EXPECT_EQ(arrivals.Add(rate, After(Duration::Seconds(3)), kLongest), Verdict::kTooMany);
}

// ---- by chance ----

Rate DrawRate(base::Prng& prng) {
  constexpr Duration kPeriods[] = {Duration::Seconds(1), Duration::Seconds(10), Duration::Minutes(1)};
  Rate rate{1 + prng.Below(30), kPeriods[prng.Below(3)], std::nullopt};
  if (prng.Chance(0.7)) rate.burst_max = 1 + prng.Below(10);
  return rate;
}

Duration DrawWait(base::Prng& prng, std::int64_t most_ms) {
  return Duration::Nanoseconds(static_cast<std::int64_t>(prng.Below(static_cast<std::uint64_t>(most_ms) * 1'000'000)));
}

// Every window, each looked at for itself.
TEST(RateCount, TheLeastOfAllStartsStandsForAllWindows) {
  std::uint64_t fine = 0, too_many = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    base::Prng prng(seed);
    RateHistory history = Always(DrawRate(prng));
    Arrivals arrivals;
    std::vector<Instant> all;
    Instant now = After(Duration::Minutes(1));
    for (int n = 0; n < 100; ++n) {
      if (prng.Chance(0.05)) history.Set(DrawRate(prng), now);
      now = now + DrawWait(prng, prng.Chance(0.5) ? 10 : 3000);
      all.push_back(now);
      bool is_fine = true;
      for (std::size_t first = 0; first < all.size(); ++first) {
        const auto in_window = static_cast<MessageParts>(all.size() - first);
        const Instant begin = all[first] - kLongest;
        const MessageParts most = history.LargestBurst(now - kLongest, now) + history.Given(now) - history.Given(begin);
        is_fine = is_fine && in_window * kMessage <= most;
      }
      ASSERT_EQ(arrivals.Add(history, now, kLongest) != Verdict::kTooMany, is_fine) << "seed " << seed << ", " << n;
      ++(is_fine ? fine : too_many);
    }
  }
  EXPECT_GT(fine, 1000u);
  EXPECT_GT(too_many, 1000u);
}

// What a gate would have to get wrong.
struct Flaws {
  bool faster = false, larger_burst = false, forgets = false;
};

// How often, of so many worlds, more pass than the count allows: whoever may pass does so at once, or a little later,
// while rates come and go.
int WorldsWithTooMany(const Flaws& flaws, int worlds) {
  int with_too_many = 0;
  for (int seed = 1; seed <= worlds; ++seed) {
    base::Prng prng(static_cast<std::uint64_t>(seed));
    const auto options = [&flaws](Rate rate) {
      if (flaws.faster) rate = {rate.count * 11, rate.period * 10, rate.burst_max};
      delivery::RateGate::Options of = delivery::GateOptions(rate);
      if (flaws.larger_burst) ++of.burst_max;
      return of;
    };
    const Rate first = DrawRate(prng);
    RateHistory history = Always(first);
    Arrivals arrivals;
    Instant now = After(Duration::Minutes(1));
    delivery::RateGate gate(options(first), now);
    // What may come early, and what is lost where a debt is no whole number of nanoseconds.
    const Duration longest = Duration::Milliseconds(5) + Duration::Microseconds(1);
    bool too_many = false;
    for (int n = 0; n < 300; ++n) {
      if (prng.Chance(0.02)) {
        const Rate next = DrawRate(prng);
        history.Set(next, now);
        if (flaws.forgets) gate = delivery::RateGate(options(next), now);
        gate.SetOptions(options(next), now);
      }
      while (gate.TryPass(now)) too_many = arrivals.Add(history, now, longest) == Verdict::kTooMany || too_many;
      now = std::max(now, gate.OpensAt()) +
            (prng.Chance(0.5) ? Duration() : DrawWait(prng, prng.Chance(0.9) ? 5 : 20'000));
    }
    with_too_many += too_many ? 1 : 0;
  }
  return with_too_many;
}

TEST(RateCount, TheEnginesGateLetsNoMorePass) { EXPECT_EQ(WorldsWithTooMany({}, 3000), 0); }

TEST(RateCount, SeesWhatAGateGetsWrong) {
  EXPECT_GT(WorldsWithTooMany({.faster = true}, 100), 80);
  EXPECT_GT(WorldsWithTooMany({.larger_burst = true}, 100), 80);
  EXPECT_GT(WorldsWithTooMany({.forgets = true}, 100), 50);
}

}  // namespace
}  // namespace sim
