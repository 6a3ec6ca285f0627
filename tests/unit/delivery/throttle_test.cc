#include "engine/delivery/throttle.h"

#include <gtest/gtest.h>

namespace delivery {
namespace {

using base::Duration;
using base::Instant;

constexpr Instant kStart = Instant::FromNanoseconds(1'000'000'000);

Instant After(int milliseconds) { return kStart + Duration::Milliseconds(milliseconds); }

void Look(Throttle& throttle, std::initializer_list<const char*> limits, Instant now, bool has_work = true) {
  throttle.Begin();
  for (const char* const limit : limits) throttle.Note(limit);
  throttle.End(now, has_work);
}

TEST(Throttle, SaysAtOnceWhatHoldsASiteThatWasFree) {
  Throttle throttle;
  EXPECT_EQ(throttle.Limit(After(0)), "");
  Look(throttle, {"max_message_rate", "window"}, After(1));
  EXPECT_EQ(throttle.Limit(After(1)), "max_message_rate");
  EXPECT_EQ(throttle.since(), After(1));
  EXPECT_EQ(throttle.Limit(After(60'000)), "max_message_rate");
}

TEST(Throttle, TheOneThatHeldItLongestLatelyCounts) {
  Throttle throttle;
  for (int i = 0; i < 50; ++i) {  // Ten messages a second, each of which takes 10 ms on the one connection.
    Look(throttle, {"max_message_rate"}, After(100 * i));
    Look(throttle, {"connection_limit"}, After(100 * i + 90));
    EXPECT_EQ(throttle.Limit(After(100 * i + 95)), "max_message_rate");
  }
  EXPECT_EQ(throttle.since(), After(0));
  Look(throttle, {"window"}, After(5000));
  Look(throttle, {"window"}, After(9000));
  EXPECT_EQ(throttle.Limit(After(9000)), "window");
  Look(throttle, {}, After(9100));
  EXPECT_EQ(throttle.Limit(After(9200)), "window") << "what is sent now waited for that";
  EXPECT_EQ(throttle.Limit(After(20'000)), "");
}

TEST(Throttle, ForgetsWhenNobodyIsLeft) {
  Throttle throttle;
  Look(throttle, {"suspended"}, After(1));
  Look(throttle, {}, After(2000));
  EXPECT_EQ(throttle.Limit(After(2000)), "suspended");
  Look(throttle, {}, After(2500), /*has_work=*/false);
  EXPECT_EQ(throttle.Limit(After(3000)), "");
  Look(throttle, {}, After(3500));
  EXPECT_EQ(throttle.Limit(After(3600)), "");
}

}  // namespace
}  // namespace delivery
