// Warm-ups as receivers see them, in the whole shard: days of UTC pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/delivery/warmup.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::SizeIs;
using testing::StartsWith;

// Domains of one provider, on several shards, and what came there.
struct ColdWorld {
  static constexpr int kDomains = 5;
  ColdWorld(const std::string& shaping, int each, bool two_sources = false)
      : scenario({.addresses = Addresses(each), .shaping = shaping, .shards = 3, .keep_limits = true}) {
    if (two_sources) scenario.UseTwoSources();
    for (int domain = 0; domain < kDomains; ++domain) {
      Receiver& receiver = scenario.Serve(absl::StrFormat("d%d.big.example", domain));
      receiver.At(Point::kMail, [this](const Question& question) -> std::optional<Answer> {
        const std::int64_t day = delivery::Warmup::DayOf(scenario.world().wall_now()) - first_day;
        ++per_day[question.client.ToString().ends_with("2") ? "two" : "one"][day];
        return std::nullopt;
      });
      receiver.At(Point::kRcpt, [this](const Question& question) -> std::optional<Answer> {
        clients[question.recipient].insert(question.client.ToString());
        return std::nullopt;
      });
      receivers.push_back(&receiver);
    }
  }
  static std::vector<std::string> Addresses(int each) {
    std::vector<std::string> addresses;
    for (int domain = 0; domain < kDomains; ++domain) {
      for (const std::string& address : Many(each, absl::StrFormat("d%d.big.example", domain)))
        addresses.push_back(address);
    }
    return addresses;
  }
  std::vector<int> Days(const std::string& source) {
    std::vector<int> days;
    for (const auto& [day, count] : per_day[source]) days.push_back(count);
    return days;
  }

  Scenario scenario;
  const std::int64_t first_day = delivery::Warmup::DayOf(scenario.world().wall_now());
  std::vector<Receiver*> receivers;
  std::map<std::string, std::map<std::int64_t, int>> per_day;  // By source.
  std::map<std::string, std::set<std::string>> clients;        // By recipient.
};

constexpr char kProvider[] = "[provider.\"big\"]\nmatch = [{MXSuffix = \".big.example\"}]\n";

TEST(Warmup, EachDayOfWarmingHasItsNumberOverAllSitesOfTheProvider) {
  ColdWorld world(std::string(kProvider) + "warmup = [5, 10, 20]\n", 20);
  EXPECT_TRUE(world.scenario.Finish());
  EXPECT_THAT(world.Days("one"), ElementsAre(5, 10, 20, 65));
}

TEST(Warmup, WhatItsSitesSayDifferentlyTheSmallestNumberHolds) {
  for (const char* const odd : {"d0", "d4"}) {
    ColdWorld world(std::string(kProvider) + "warmup = [5, 10, 20]\n[\"" + odd + ".big.example\"]\nwarmup = [50, 4]\n",
                    20);
    EXPECT_TRUE(world.scenario.Finish());
    EXPECT_THAT(world.Days("one"), ElementsAre(5, 4, 20, 71)) << odd;
  }
}

TEST(Warmup, ASiteOfNoProviderWarmsByItself) {
  Scenario scenario({.addresses = ColdWorld::Addresses(20), .shaping = "[\"default\"]\nwarmup = [5]\n", .shards = 2});
  std::vector<Receiver*> receivers;
  for (int domain = 0; domain < ColdWorld::kDomains; ++domain)
    receivers.push_back(&scenario.Serve(absl::StrFormat("d%d.big.example", domain)));
  scenario.RunFor(Duration::Hours(10));
  for (const Receiver* receiver : receivers) EXPECT_THAT(receiver->accepted(), SizeIs(5));
  EXPECT_TRUE(scenario.Finish());
}

TEST(Warmup, StatusSaysWhatItWaitsForAndUntilWhen) {
  ColdWorld world(std::string(kProvider) + "warmup = [5]\n", 20);
  world.scenario.RunFor(Duration::Hours(1));
  world.scenario.process().AskStatus();
  world.scenario.RunFor(Duration::Seconds(1));
  std::size_t limited = 0;
  for (const auto& answer : world.scenario.process().answers()) {
    for (const auto& queue : answer.limited) {
      ++limited;
      EXPECT_EQ(queue.limit, "warmup");
      EXPECT_EQ(queue.until, delivery::Warmup::EndOfDay(world.scenario.world().wall_now()));
    }
  }
  EXPECT_EQ(limited, ColdWorld::kDomains);
  EXPECT_GT(world.scenario.log().CountOf("sending no more today, by its source's warm-up"), 10u);
}

// Whoever throttles has had enough of this source.
TEST(Warmup, ADayThatWasNotCleanIsRepeated) {
  ColdWorld world(std::string(kProvider) + "warmup = [5, 50]\n", 20);
  int refused = 0;
  for (Receiver* receiver : world.receivers) {
    receiver->At(Point::kContent, [&refused](const Question&) -> std::optional<Answer> {
      if (++refused > 1) return std::nullopt;
      return Answer{"451 4.7.1 Our rate limit was exceeded"};
    });
  }
  EXPECT_TRUE(world.scenario.Finish());
  EXPECT_THAT(world.Days("one"), ElementsAre(5, 5, 50, 41));
}

TEST(Warmup, ADayWithASuspensionIsRepeated) {
  ColdWorld world(std::string(kProvider) + "warmup = [5, 50]\n", 20);
  bool refused = false;
  for (Receiver* receiver : world.receivers) {
    receiver->At(Point::kMail, [&refused](const Question&) -> std::optional<Answer> {
      if (std::exchange(refused, true)) return std::nullopt;
      return Answer{"550 5.7.1 Not from you"};
    });
  }
  EXPECT_TRUE(world.scenario.Finish());
  const std::vector<int> days = world.Days("one");
  EXPECT_LE(days.at(0), 5);
  EXPECT_EQ(days.at(1), 5);
  EXPECT_EQ(days.at(2), 50);
}

TEST(Warmup, RetriesCountAndWaitToo) {
  ColdWorld world(std::string(kProvider) + "warmup = [105]\n", 20);
  for (Receiver* receiver : world.receivers) receiver->At(Point::kRcpt, First(2, {"450 4.2.1 Later"}));
  EXPECT_TRUE(world.scenario.Finish());
  EXPECT_THAT(world.Days("one"), ElementsAre(105, 5));
}

// However often it is killed.
TEST(Warmup, NoDayHasMoreThanItsNumberWhenTheProgramIsKilled) {
  ColdWorld world(std::string(kProvider) + "warmup = [20, 40, 60]\n", 60);
  for (Receiver* receiver : world.receivers)
    receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(70)}));
  for (int kill = 0; kill < 40; ++kill) {
    world.scenario.RunFor(Duration::Milliseconds(37 * (kill % 7 + 1)));
    world.scenario.Restart();
  }
  EXPECT_LE(world.Days("one").at(0), 20);
  EXPECT_GE(world.Days("one").at(0), 10);
  world.scenario.RunFor(Duration::Hours(24 * 2));
  const std::vector<int> days = world.Days("one");
  ASSERT_THAT(days, SizeIs(3));
  EXPECT_LE(days[1], 40);
  EXPECT_LE(days[2], 60);
  EXPECT_GE(days[0] + days[1] + days[2], 60);
}

// ---- overflow ----

std::string ColdOne(const std::string& numbers, const std::string& overflow) {
  return std::string(kProvider) + "[provider.\"big\".sources.\"one\"]\nwarmup = " + numbers + "\noverflow = \"" +
         overflow + "\"\n";
}

TEST(Overflow, WaitsAtItsSource) {
  ColdWorld world(ColdOne("[5]", "wait"), 20, /*two_sources=*/true);
  EXPECT_TRUE(world.scenario.Finish());
  EXPECT_EQ(world.Days("one").at(0), 5);
  EXPECT_THAT(world.Days("one"), SizeIs(2));
  EXPECT_THAT(world.Days("two"), SizeIs(1));
}

TEST(Overflow, GoesByASourceThatIsWarm) {
  ColdWorld world(ColdOne("[5]", "warm"), 20, /*two_sources=*/true);
  world.scenario.RunFor(Duration::Hours(1));
  EXPECT_EQ(world.scenario.CountLast("delivered"), 100u);
  EXPECT_THAT(world.Days("one"), ElementsAre(5));
  EXPECT_THAT(world.Days("two"), ElementsAre(95));
}

TEST(Overflow, GoesByASourceThatHasRoomAndWaitsWhereNobodyHas) {
  ColdWorld world(ColdOne("[5]", "warm") + "[provider.\"big\".sources.\"two\"]\nwarmup = [70]\noverflow = \"warm\"\n",
                  20, /*two_sources=*/true);
  world.scenario.RunFor(Duration::Hours(1));
  EXPECT_THAT(world.Days("one"), ElementsAre(5));
  EXPECT_THAT(world.Days("two"), ElementsAre(70));
  EXPECT_TRUE(world.scenario.Finish());
}

// Greylisting: who was tried by a source comes back by it, through crashes, and past midnight.
TEST(Overflow, EveryRecipientKeepsTheSourceThatItWasTriedBy) {
  ColdWorld world(ColdOne("[5, 10]", "warm"), 20, /*two_sources=*/true);
  std::map<std::string, int> times;
  for (Receiver* receiver : world.receivers) {
    receiver->At(Point::kContent, [&times](const Question& question) -> std::optional<Answer> {
      if (++times[question.recipient] > 2) return std::nullopt;
      return Answer{"451 4.3.0 Later"};
    });
  }
  for (int kill = 0; kill < 10; ++kill) {
    world.scenario.RunFor(Duration::Milliseconds(40 * (kill + 1)));
    world.scenario.Restart();
  }
  EXPECT_TRUE(world.scenario.Finish());
  for (const auto& [recipient, clients] : world.clients) EXPECT_THAT(clients, SizeIs(1)) << recipient;
  EXPECT_LE(world.Days("one").at(0), 5);
}

TEST(Overflow, DoesNotGoByASourceThatIsSuspendedThere) {
  ColdWorld world(ColdOne("[20]", "warm"), 20, /*two_sources=*/true);
  for (Receiver* receiver : world.receivers) {
    receiver->At(Point::kGreeting, [](const Question& question) -> std::optional<Answer> {
      if (!question.client.ToString().ends_with("2")) return std::nullopt;
      return Answer{"554 5.7.1 Blocked by a list", Answer::Then::kFin};
    });
    receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(2)}));
  }
  world.scenario.RunFor(Duration::Minutes(5));
  EXPECT_EQ(world.Days("one").at(0), 20);
  world.scenario.RunFor(Duration::Hours(24 * 3));
  EXPECT_GT(world.scenario.CountLast("delivered"), 30u);
}

// At the campaign's end nobody is forgotten, wherever he was to go by.
TEST(Overflow, EveryoneExpiresAtTheEnd) {
  ColdWorld world(ColdOne("[5]", "warm"), 20, /*two_sources=*/true);
  world.scenario.job().finish_by = world.scenario.world().wall_now() + Duration::Hours(2);
  for (Receiver* receiver : world.receivers) receiver->At(Point::kContent, Always({"451 4.3.0 Later"}));
  world.scenario.RunFor(Duration::Minutes(20));
  world.scenario.Restart();
  EXPECT_TRUE(world.scenario.Finish());
  EXPECT_EQ(world.scenario.CountLast("expired"), 100u);
}

// Nothing of its destination is left to wait for until the day ends.
TEST(Overflow, ACampaignEndsWithItsLastRecipientHoweverManyGoAtOnce) {
  for (const int count : {255, 256, 257, 512}) {
    std::vector<std::string> addresses = Many(count, "slow.big.example");
    addresses.push_back("one@quick.big.example");
    Scenario scenario({.addresses = addresses, .shaping = ColdOne("[1]", "warm")});
    scenario.UseTwoSources();
    scenario.job().sources.front().weight = 1'000'000;  // All are of this one.
    Receiver& quick = scenario.Serve("quick.big.example");
    Receiver& slow = scenario.Serve("slow.big.example");
    slow.At(Point::kGreeting, Always({.reply = "220 mx.slow.big.example ESMTP", .wait = Duration::Seconds(5)}));
    const base::Instant start = scenario.world().now();
    EXPECT_TRUE(scenario.Finish());
    EXPECT_LT(scenario.world().now(), start + Duration::Minutes(10)) << count;
    EXPECT_THAT(quick.accepted(), SizeIs(1));
    EXPECT_THAT(slow.accepted(), SizeIs(count));
  }
}

// The mail that "one" has given to "two" stays there; what is beside it at the same site is the third one's at once.
TEST(Overflow, MailThatMayNotGoOnHoldsUpNoOther) {
  std::string shaping;
  for (const auto& [source, number] : {std::pair("one", 5), std::pair("two", 20), std::pair("three", 5000)})
    shaping += absl::StrFormat("[\"default\".sources.\"%s\"]\nwarmup = [%d]\noverflow = \"warm\"\n", source, number);
  std::vector<std::string> addresses;
  constexpr int kDomains = 100;
  for (int domain = 0; domain < kDomains; ++domain) {
    for (const std::string& address : Many(8, absl::StrFormat("d%d.example", domain))) addresses.push_back(address);
  }
  Scenario scenario({.addresses = addresses, .shaping = shaping});
  scenario.UseTwoSources();
  for (delivery::Source& source : scenario.job().sources) source.weight = 1'000'000;
  scenario.job().sources.push_back(
      {.name = "three", .address = base::IpAddress::V4(0x0B010003), .ehlo_domain = "three.example.com", .weight = 1});
  Receiver& receiver = scenario.AddReceiver("mx.example");
  std::map<char, int> by;  // The last digit of the client.
  receiver.At(Point::kMail, [&by](const Question& question) -> std::optional<Answer> {
    ++by[question.client.ToString().back()];
    return std::nullopt;
  });
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)}));
  for (int domain = 0; domain < kDomains; ++domain)
    scenario.names().SetMx(absl::StrFormat("d%d.example", domain), {"mx.example"});
  scenario.RunFor(Duration::Minutes(5));
  const std::uint64_t delivered = scenario.CountLast("delivered");
  EXPECT_EQ(by['1'], 5);
  EXPECT_EQ(by['2'], 20);
  EXPECT_GT(by['3'], 100);
  scenario.RunFor(Duration::Hours(3));
  EXPECT_EQ(scenario.CountLast("delivered"), delivered);
  EXPECT_LT(delivered, addresses.size()) << "nothing was stuck";
}

}  // namespace
}  // namespace sim
