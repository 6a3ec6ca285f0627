#include "engine/io/clock.h"

#include <gtest/gtest.h>

namespace io {
namespace {

TEST(SystemClock, StandsStillUntilItExpires) {
  SystemClock clock;
  const base::Instant first = clock.Now();
  while (SystemClock().Now() == first) {
  }
  EXPECT_EQ(clock.Now(), first);
  clock.Expire();
  EXPECT_GT(clock.Now(), first);
}

TEST(SystemClock, UpdateTakesNoteOfTheTime) {
  SystemClock clock;
  const base::Instant first = clock.Now();
  while (SystemClock().Now() == first) {
  }
  clock.Update();
  EXPECT_GT(clock.Now(), first);
  EXPECT_GT(clock.WallNow().seconds(), 1'700'000'000);
}

}  // namespace
}  // namespace io
