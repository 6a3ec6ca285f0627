// Limits of a source over all receivers: whichever sites, shards and campaigns it sends for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using base::Instant;

std::string Domain(int number) { return absl::StrFormat("d%d.example", number); }

// Two campaigns, each with so many recipients at each of these domains, whose mail exchangers are their own.
struct Source {
  Source(int domains, int each, const config::SourceLimits& limits, const std::string& shaping = "",
         bool keep_limits = false)
      : scenario({.addresses = Addresses("x", domains, each),
                  .more = {Addresses("y", domains, each)},
                  .shaping = "[\"default\"]\nconnection_limit = 20\n" + shaping,
                  .shards = 2,
                  .keep_limits = keep_limits}) {
    for (delivery::Job* job : {&scenario.job(), &scenario.other()}) job->sources.front().limits = limits;
    for (int domain = 0; domain < domains; ++domain) {
      Receiver& receiver = scenario.Serve(Domain(domain));
      receiver.At(Point::kGreeting, [this](const Question&) -> std::optional<Answer> {
        std::uint32_t open = 0;
        for (const Receiver* one : receivers) open += one->open();
        most_open = std::max(most_open, open);
        return std::nullopt;
      });
      receiver.At(Point::kMail, [this](const Question&) -> std::optional<Answer> {
        arrivals.push_back(scenario.world().now());
        return std::nullopt;
      });
      receivers.push_back(&receiver);
    }
  }
  static std::vector<std::string> Addresses(const std::string& prefix, int domains, int each) {
    std::vector<std::string> addresses;
    for (int domain = 0; domain < domains; ++domain) {
      for (const std::string& address : Many(each, Domain(domain))) addresses.push_back(prefix + address);
    }
    return addresses;
  }
  // In any span no more than burst and rate give, and in all not much less.
  void ExpectRate(double per_second, double burst) {
    std::sort(arrivals.begin(), arrivals.end());
    constexpr double kJitter = 0.01;  // Of the network, twice.
    for (std::size_t first = 0; first < arrivals.size(); ++first) {
      for (std::size_t last = first; last < arrivals.size(); last += 1 + (last - first) / 2) {
        const double seconds = Between(arrivals[first], arrivals[last]) + kJitter;
        ASSERT_LE(static_cast<double>(last - first + 1), burst + per_second * seconds) << first << " to " << last;
      }
    }
    EXPECT_LT(Between(arrivals.front(), arrivals.back()),
              1.15 * static_cast<double>(arrivals.size()) / per_second + 0.5);
  }
  static double Between(Instant a, Instant b) { return static_cast<double>((b - a).nanoseconds()) / 1e9; }

  Scenario scenario;
  std::vector<Receiver*> receivers;
  std::vector<Instant> arrivals;
  std::uint32_t most_open = 0;
};

TEST(SourceLimits, AMessageRateHoldsOverSitesShardsAndCampaigns) {
  Source source(6, 40, {.max_message_rate = base::Rate{40, Duration::Seconds(1), 4}});
  ASSERT_TRUE(source.scenario.Finish());
  ASSERT_EQ(source.arrivals.size(), 2u * 6 * 40);
  source.ExpectRate(40, 4);
}

TEST(SourceLimits, AConnectionLimitHoldsOverSitesShardsAndCampaigns) {
  Source source(6, 40, {.connection_limit = 3});
  for (Receiver* receiver : source.receivers)
    receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(50)}));
  ASSERT_TRUE(source.scenario.Finish());
  EXPECT_EQ(source.most_open, 3u);
}

TEST(SourceLimits, EachSourceHasItsOwn) {
  Source source(4, 40, {});
  source.scenario.UseTwoSources();
  for (delivery::Source& one : source.scenario.job().sources)
    one.limits.max_message_rate = base::Rate{one.name == "one" ? 20u : 5u, Duration::Seconds(1), 1};
  source.scenario.other().sources = source.scenario.job().sources;
  source.scenario.RunFor(Duration::Seconds(5));
  EXPECT_LE(source.arrivals.size(), 127u);
  EXPECT_GE(source.arrivals.size(), 110u);
}

// Whoever has a session sends more than one message on it; others get none before their turn.
TEST(SourceLimits, ManyReceiversGetNoSessionsBeforeTheirTurn) {
  Source source(40, 2, {.max_message_rate = base::Rate{2, Duration::Seconds(1), 1}});
  for (Receiver* receiver : source.receivers)  // Opening one takes longer than a turn.
    receiver->At(Point::kGreeting, Always({.reply = "220 hello", .wait = Duration::Seconds(1)}));
  source.scenario.RunFor(Duration::Seconds(20));
  std::size_t connections = 0;
  for (const Receiver* receiver : source.receivers) connections += receiver->connections().size();
  EXPECT_LE(connections, 2u * 20 + 4);
  ASSERT_TRUE(source.scenario.Finish());
  source.ExpectRate(2, 1);
}

// They are as slow as a receiver may be, and lose their turn by it not.
TEST(SourceLimits, ReceiversThatGreetSlowlyAreReached) {
  Source source(8, 5, {.max_message_rate = base::Rate{1, Duration::Seconds(1), 1}});
  for (std::size_t i = 0; i < source.receivers.size(); i += 2)
    source.receivers[i]->At(Point::kGreeting, Always({.reply = "220 hello", .wait = Duration::Seconds(40)}));
  ASSERT_TRUE(source.scenario.Finish());
  EXPECT_LT(Source::Between(source.arrivals.front(), source.arrivals.back()), 1.3 * 2 * 8 * 5 + 80);
}

// A turn of somebody who has no session then is another's.
TEST(SourceLimits, ReceiversThatCannotBeReachedUseUpNothing) {
  Source source(60, 20, {.max_message_rate = base::Rate{5, Duration::Seconds(1), 1}});
  for (std::size_t i = 1; i < source.receivers.size(); ++i)
    source.scenario.network().SetFate(source.receivers[i]->address(), Network::Fate::kRefused);
  source.scenario.RunFor(Duration::Seconds(15));
  EXPECT_EQ(source.receivers.front()->accepted().size(), 40u);
}

TEST(SourceLimits, WhatIsOwedOutlivesTheProgram) {
  Source source(4, 5, {.max_message_rate = base::Rate{6, Duration::Hours(1), 3}}, "", /*keep_limits=*/true);
  source.scenario.RunFor(Duration::Minutes(2));
  EXPECT_EQ(source.arrivals.size(), 3u);
  source.scenario.Restart();
  source.scenario.RunFor(Duration::Minutes(15));
  EXPECT_GE(source.arrivals.size(), 4u);
  EXPECT_LE(source.arrivals.size(), 5u);
}

TEST(SourceLimits, CampaignsShareARateByTheirWeights) {
  Source source(4, 50, {.max_message_rate = base::Rate{20, Duration::Seconds(1), 1}});
  source.scenario.other().weight = 4;
  source.scenario.RunFor(Duration::Seconds(10));
  std::size_t urgent = 0, large = 0;
  for (const Receiver* receiver : source.receivers) {
    for (const std::string& to : receiver->accepted()) ++(to.starts_with("y") ? urgent : large);
  }
  EXPECT_GE(urgent + large, 190u);
  EXPECT_NEAR(static_cast<double>(urgent), 160, 15);
}

TEST(SourceLimits, AreToldAsWhatHoldsASite) {
  Source source(2, 100, {.max_message_rate = base::Rate{5, Duration::Seconds(1), 1}});
  source.scenario.RunFor(Duration::Seconds(10));
  source.scenario.process().AskStatus();
  source.scenario.RunFor(Duration::Seconds(1));
  std::size_t limited = 0;
  for (const delivery::ShardAnswer& answer : source.scenario.process().answers()) {
    for (const delivery::LimitedQueue& one : answer.limited) {
      ++limited;
      EXPECT_EQ(one.limit, "source_message_rate");
      EXPECT_TRUE(one.until.has_value());
    }
  }
  EXPECT_EQ(limited, 2u);
}

}  // namespace
}  // namespace sim
