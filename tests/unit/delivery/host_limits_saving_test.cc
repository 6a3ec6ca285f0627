// What the host's limits do while they are saved: others go on, and nothing is left out.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/delivery/host_limits.h"
#include "engine/io/clock.h"

#include "tests/unit/delivery/kept_limits.h"

namespace delivery {
namespace {

using base::Duration;

std::string NameOf(int i) { return "mx" + std::to_string(i) + ".example"; }

// So many suspended sites, as the next program reads them.
std::string TextOf(int sites) {
  HostLimits limits;
  for (int i = 0; i < sites; ++i)
    (void)limits.Site("one", NameOf(i), 0, kSlow, kNow)
        ->Suspend(kNow, {Duration::Hours(1), Duration::Hours(1)}, "r", "s");
  return limits.Save("one", kNow, kWall, {});
}

TEST(SavingHostLimits, LetsOthersAskMeanwhile) {
  HostLimits limits;
  ASSERT_TRUE(limits.Load(TextOf(20'000), "one", kNow, kWall).ok());
  bool waits_less = false;
  for (int round = 0; round < 20 && !waits_less; ++round) {  // The machine may have something else to do.
    std::atomic<bool> is_saving = true;
    Duration took, longest;
    std::thread saver([&] {
      io::SystemClock clock;
      clock.Update();
      const base::Instant begin = clock.Now();
      (void)limits.Save("one", kNow, kWall, {});
      clock.Update();
      took = clock.Now() - begin;
      is_saving = false;
    });
    io::SystemClock clock;
    while (is_saving) {
      clock.Update();
      const base::Instant begin = clock.Now();
      (void)limits.SettingsOf("one", NameOf(0), kNow);
      clock.Update();
      longest = std::max(longest, clock.Now() - begin);
    }
    saver.join();
    waits_less = longest * 2 < took;
  }
  EXPECT_TRUE(waits_less) << "than half of the time that it takes";
}

TEST(SavingHostLimits, HasWhoIsAskedForMeanwhile) {
  constexpr int kSites = 2'000;
  HostLimits limits;
  ASSERT_TRUE(limits.Load(TextOf(kSites), "one", kNow, kWall).ok());
  std::atomic<bool> is_done = false;
  std::vector<std::string> texts;
  std::thread saver([&] {
    while (!is_done || texts.empty()) texts.push_back(limits.Save("one", kNow, kWall, {}));
  });
  std::vector<std::shared_ptr<SiteStanding>> sites;
  for (int i = 0; i < kSites; ++i) sites.push_back(limits.Site("one", NameOf(i), 0, kSlow, kNow));
  is_done = true;
  saver.join();
  for (const std::string& text : texts) {
    HostLimits after;
    ASSERT_TRUE(after.Load(text, "one", kNow, kWall).ok());
    for (int i = 0; i < kSites; ++i)
      ASSERT_TRUE(after.Site("one", NameOf(i), 0, kSlow, kNow)->suspension(kEvery).IsActive(kNow)) << NameOf(i);
  }
}

}  // namespace
}  // namespace delivery
