// Limits as a receiver sees them, in the whole shard.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/delivery/rate_gate.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using base::Instant;

// When each MAIL arrives, where every message takes its receiver 40 ms.
std::vector<Instant> Arrivals(int count, const std::string& rate) {
  Scenario scenario(
      {.addresses = Many(count),
       .shaping = absl::StrFormat("[\"default\"]\nconnection_limit = 100\nmax_message_rate = \"%s\"\n", rate)});
  Receiver& receiver = scenario.Serve("one.example");
  std::vector<Instant> arrivals;
  receiver.At(Point::kMail, [&](const Question&) -> std::optional<Answer> {
    arrivals.push_back(scenario.world().now());
    return std::nullopt;
  });
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(40)}));
  EXPECT_TRUE(scenario.Finish());
  std::sort(arrivals.begin(), arrivals.end());
  return arrivals;
}

struct RateCase {
  const char* rate;
  std::int64_t per_second;
  std::int64_t burst;
};

class MessageRate : public testing::TestWithParam<RateCase> {};

// Signing and the disk take their time, and the rate is reached all the same: they run ahead of the token.
TEST_P(MessageRate, IsReachedAndNeverExceeded) {
  constexpr int kCount = 900;
  const RateCase& rate = GetParam();
  const std::vector<Instant> arrivals = Arrivals(kCount, rate.rate);
  ASSERT_EQ(arrivals.size(), kCount);
  const Duration jitter = Duration::Milliseconds(10);  // Of the network, twice: a packet can be late, the next one not.
  for (std::size_t first = 0; first < arrivals.size(); ++first) {
    for (const int more : {1, 3, 10, 50, 200, 600}) {
      const std::size_t last = first + static_cast<std::size_t>(more);
      if (last >= arrivals.size()) break;
      const Duration window = arrivals[last] - arrivals[first] + jitter;
      ASSERT_LE(more + 1, rate.burst + rate.per_second * window.nanoseconds() / 1'000'000'000 + 1)
          << first << " to " << last;
    }
  }
  const double seconds = static_cast<double>((arrivals.back() - arrivals.front()).nanoseconds()) / 1e9;
  EXPECT_LT(seconds, 1.1 * kCount / static_cast<double>(rate.per_second) + 0.3);
}

INSTANTIATE_TEST_SUITE_P(Rates, MessageRate,
                         testing::Values(RateCase{"50/s", 50, 1}, RateCase{"300/s", 300, 3},
                                         RateCase{"300/s,max_burst=20", 300, 20},
                                         RateCase{"30000/min,max_burst=1", 500, 1}));

// What the files say now holds for the sites that are there: those with a block of their own, too.
TEST(ChangedShaping, HoldsAtOnce) {
  const auto parse = [](const std::string& text) {
    std::vector<std::string> warnings;
    return std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings));
  };
  std::vector<std::string> addresses = Many(200, "a.example");
  for (const std::string& address : Many(200, "b.example")) addresses.push_back(address);
  Scenario scenario({.addresses = addresses, .shaping = "[\"default\"]\nmax_message_rate = \"1/s\"\n", .shards = 2});
  Receiver& a = scenario.Serve("a.example");
  Receiver& b = scenario.Serve("b.example");
  const Instant begin = scenario.world().now();
  scenario.RunFor(Duration::Seconds(10));
  EXPECT_LE(a.accepted().size(), 12u);
  scenario.process().ChangeShaping(
      parse("[\"default\"]\nmax_message_rate = \"50/s\"\n[\"b.example\"]\nmax_message_rate = \"2/s\"\n"));
  scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(a.accepted().size(), 200u);
  EXPECT_GT(b.accepted().size(), 20u);
  EXPECT_LT(b.accepted().size(), 40u);
  scenario.process().ChangeShaping(parse(""));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_LT(scenario.world().now() - begin, Duration::Seconds(40));
}

// One of every four domains is silent, and takes tokens that it cannot use.
TEST(CampaignRate, IsReachedAndNotExceededOverSitesAndShards) {
  constexpr int kDomains = 24, kSpeaking = 18, kEach = 40, kPerSecond = 100;
  std::vector<std::string> addresses;
  for (int domain = 0; domain < kDomains; ++domain) {
    for (const std::string& address : Many(kEach, absl::StrFormat("d%d.example", domain))) addresses.push_back(address);
  }
  Scenario scenario({.addresses = addresses, .shards = 3});
  scenario.job().max_message_rate = base::Rate{kPerSecond, Duration::Seconds(1), 20};
  std::vector<Instant> arrivals;
  for (int domain = 0; domain < kDomains; ++domain) {
    Receiver& receiver = scenario.Serve(absl::StrFormat("d%d.example", domain));
    if (domain % 4 == 0) receiver.At(Point::kGreeting, Always({"", Answer::Then::kSilence}));
    receiver.At(Point::kMail, [&](const Question&) -> std::optional<Answer> {
      arrivals.push_back(scenario.world().now());
      return std::nullopt;
    });
  }
  scenario.RunFor(Duration::Minutes(30));
  ASSERT_EQ(arrivals.size(), kSpeaking * kEach);
  std::sort(arrivals.begin(), arrivals.end());
  const Duration jitter = Duration::Milliseconds(100);  // Of the path.
  for (std::size_t first = 0; first < arrivals.size(); ++first) {
    for (std::size_t last = first; last < arrivals.size(); ++last) {
      const double seconds = static_cast<double>((arrivals[last] - arrivals[first] + jitter).nanoseconds()) / 1e9;
      ASSERT_LE(last - first + 1, 20 + kPerSecond * seconds) << first << " to " << last;
    }
  }
  const double seconds = static_cast<double>((arrivals.back() - arrivals.front()).nanoseconds()) / 1e9;
  EXPECT_LT(seconds, 1.2 * kSpeaking * kEach / kPerSecond);
  EXPECT_GT(seconds, 0.9 * (kSpeaking * kEach - 20) / kPerSecond);
}

// A connection takes longer than a token lasts.
TEST(CampaignRate, ReachesReceiversThatGreetSlowly) {
  std::vector<std::string> addresses;
  for (int domain = 0; domain < 15; ++domain) addresses.push_back(absl::StrFormat("a@d%d.example", domain));
  Scenario scenario({.addresses = addresses});
  scenario.job().max_message_rate = base::Rate{10, Duration::Minutes(1), 1};
  for (int domain = 0; domain < 15; ++domain)
    scenario.Serve(absl::StrFormat("d%d.example", domain))
        .At(Point::kGreeting, Always({.reply = "220 at last", .wait = Duration::Seconds(12)}));
  scenario.RunFor(Duration::Minutes(10));
  EXPECT_EQ(scenario.CountLast("delivered"), 15u);
}

// A round of all sites takes longer than a route holds: each is asked for anew when its turn comes, and keeps the turn.
TEST(CampaignRate, ReachesSitesWhoseRouteIsOverWhenTheirTurnComes) {
  std::vector<std::string> addresses;
  for (int domain = 0; domain < 8; ++domain) {
    for (const std::string& address : Many(3, absl::StrFormat("d%d.example", domain))) addresses.push_back(address);
  }
  Scenario scenario({.addresses = addresses});
  scenario.job().max_message_rate = base::Rate{1, Duration::Minutes(1), 1};
  for (int domain = 0; domain < 8; ++domain) scenario.Serve(absl::StrFormat("d%d.example", domain));
  scenario.RunFor(Duration::Minutes(26));
  EXPECT_EQ(scenario.CountLast("delivered"), 24u);
  EXPECT_GE(scenario.names().AskedAt("d7.example").size(), 3u);
}

// Nobody has waited longer for its first message than one round of all takes.
TEST(CampaignRate, IsSharedInTurns) {
  std::vector<std::string> addresses = Many(600, "large.example");
  for (int domain = 0; domain < 10; ++domain) addresses.push_back(absl::StrFormat("a@small%d.example", domain));
  Scenario scenario({.addresses = addresses});
  scenario.job().max_message_rate = base::Rate{10, Duration::Seconds(1), 1};
  scenario.Serve("large.example");
  std::vector<Instant> arrivals;
  for (int domain = 0; domain < 10; ++domain) {
    scenario.Serve(absl::StrFormat("small%d.example", domain))
        .At(Point::kMail, [&](const Question&) -> std::optional<Answer> {
          arrivals.push_back(scenario.world().now());
          return std::nullopt;
        });
  }
  const Instant begin = scenario.world().now();
  ASSERT_TRUE(scenario.Finish());
  ASSERT_EQ(arrivals.size(), 10u);
  EXPECT_LT(*std::max_element(arrivals.begin(), arrivals.end()) - begin, Duration::Seconds(6));
}

// ---- a session that was idle ----

// A retry after a minute, on the connection of the first attempt: whether its MAIL came with the rest.
bool RetryIsGrouped(const std::string& idle_probe) {
  Scenario scenario({.addresses = Many(1),
                     .shaping = "[\"default\"]\nidle_timeout = \"10m\"\nidle_probe = \"" + idle_probe + "\"\n"});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, First(1, {"450 4.2.1 Later"}));
  std::optional<bool> grouped;
  receiver.At(Point::kMail, [&grouped](const Question& question) -> std::optional<Answer> {
    if (question.message == 2) grouped = question.grouped;
    return std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(receiver.connections().size(), 1u);
  return grouped.value();
}

TEST(IdleProbe, AsksASessionThatWasIdleForLonger) {
  EXPECT_FALSE(RetryIsGrouped("1s"));
  EXPECT_FALSE(RetryIsGrouped("30s"));
  EXPECT_TRUE(RetryIsGrouped("3m"));
}

// ---- limits of a provider, whose sites are on several shards ----

// Many small sites of one provider, and what all of them see together.
struct Provider {
  static constexpr int kDomains = 12;
  explicit Provider(const std::string& limits, int each, bool two_sources = false)
      : scenario({.addresses = Addresses(each),
                  .shaping = "[provider.\"big\"]\nmatch = [{MXSuffix = \".big.example\"}]\n" + limits,
                  .shards = 3}) {
    if (two_sources) scenario.UseTwoSources();
    for (int domain = 0; domain < kDomains; ++domain) {
      Receiver& receiver = scenario.Serve(absl::StrFormat("d%d.big.example", domain));
      receiver.At(Point::kGreeting, [this](const Question& question) -> std::optional<Answer> {
        std::uint32_t open = 0;
        for (const Receiver* one : receivers) open += one->open();
        most_open = std::max(most_open, open);
        clients.insert(question.client.ToString());
        return std::nullopt;
      });
      receiver.At(Point::kMail, [this](const Question&) -> std::optional<Answer> {
        arrivals.push_back(scenario.world().now());
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
  // The most that came within a second.
  std::size_t MostInASecond() {
    std::sort(arrivals.begin(), arrivals.end());
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < arrivals.size(); ++last) {
      while (arrivals[last] - arrivals[first] >= Duration::Seconds(1)) ++first;
      most = std::max(most, last - first + 1);
    }
    return most;
  }
  double Seconds() const { return static_cast<double>((arrivals.back() - arrivals.front()).nanoseconds()) / 1e9; }

  Scenario scenario;
  std::vector<Receiver*> receivers;
  std::vector<Instant> arrivals;
  std::set<std::string> clients;
  std::uint32_t most_open = 0;
};

TEST(ProviderLimits, ConnectionsAreThoseOfAllItsSites) {
  Provider provider("provider_connection_limit = 3\n", 30);
  EXPECT_TRUE(provider.scenario.Finish());
  EXPECT_EQ(provider.most_open, 3u);
}

TEST(ProviderLimits, TheRateIsReachedAndNeverExceeded) {
  Provider provider("provider_max_message_rate = \"40/s\"\n", 30);
  EXPECT_TRUE(provider.scenario.Finish());
  EXPECT_LE(provider.MostInASecond(), 41u + 1);  // And the jitter of the network.
  EXPECT_LT(provider.Seconds(), 1.15 * 12 * 30 / 40);
}

// A round of all its sites takes longer than a route holds.
TEST(ProviderLimits, EverySiteHasItsTurnWhereItsRouteIsOverByThen) {
  Provider provider("provider_max_message_rate = \"1/min,max_burst=1\"\n", 3);
  provider.scenario.RunFor(Duration::Minutes(40));
  EXPECT_EQ(provider.scenario.CountLast("delivered"), 3u * Provider::kDomains);
}

TEST(ProviderLimits, HoldForEachSourceAndInTotalOverAll) {
  Provider each("provider_connection_limit = 3\nprovider_max_message_rate = \"20/s\"\n", 20, true);
  EXPECT_TRUE(each.scenario.Finish());
  EXPECT_EQ(each.clients.size(), 2u);
  EXPECT_EQ(each.most_open, 6u);
  EXPECT_LE(each.MostInASecond(), 2 * 21u + 2);
  Provider all("total_connection_limit = 3\ntotal_message_rate = \"20/s\"\n", 20, true);
  EXPECT_TRUE(all.scenario.Finish());
  EXPECT_EQ(all.clients.size(), 2u);
  EXPECT_EQ(all.most_open, 3u);
  EXPECT_LE(all.MostInASecond(), 22u);
  EXPECT_LT(all.Seconds(), 1.15 * 12 * 20 / 20);
}

TEST(ProviderLimits, EverySiteHasItsTurn) {
  Provider provider("provider_connection_limit = 2\n", 60);
  for (Receiver* receiver : provider.receivers)
    receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(100)}));
  provider.scenario.RunFor(Duration::Seconds(20));
  EXPECT_LE(provider.most_open, 2u);
  for (const Receiver* receiver : provider.receivers) EXPECT_GT(receiver->accepted().size(), 10u) << receiver->name();
}

TEST(ProviderLimits, ComeAndGoWithTheFiles) {
  const auto parse = [](const std::string& limits) {
    std::vector<std::string> warnings;
    const std::string text = "[provider.\"big\"]\nmatch = [{MXSuffix = \".big.example\"}]\n" + limits;
    return std::make_shared<const config::Shaping>(*config::Shaping::Parse({{{"shaping", text}}}, warnings));
  };
  Provider provider("connection_limit = 5\n", 400);
  for (Receiver* receiver : provider.receivers)
    receiver->At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(50)}));
  provider.scenario.RunFor(Duration::Seconds(2));
  EXPECT_GT(provider.most_open, 20u);
  provider.scenario.process().ChangeShaping(parse("provider_connection_limit = 4\n"));
  provider.scenario.RunFor(Duration::Seconds(2));
  std::uint32_t open = 0;
  for (const Receiver* receiver : provider.receivers) open += receiver->open();
  EXPECT_LE(open, 4u);
  provider.scenario.process().ChangeShaping(parse(""));
  EXPECT_TRUE(provider.scenario.Finish());
}

// Each domain has a mail exchanger of its own there, and so each is a site.
TEST(ProviderLimits, HostedDomainsShareWhatIsBuiltInForTheirProvider) {
  constexpr int kHosted = 40;
  std::vector<std::string> addresses;
  for (int domain = 0; domain < kHosted; ++domain) {
    for (const std::string& address : Many(20, absl::StrFormat("d%d.example", domain))) addresses.push_back(address);
  }
  Scenario scenario({.addresses = addresses, .shards = 3});
  std::vector<Receiver*> receivers;
  std::uint32_t most_open = 0;
  for (int domain = 0; domain < kHosted; ++domain) {
    const std::string host = absl::StrFormat("d%d-example.mail.protection.outlook.com", domain);
    receivers.push_back(&scenario.AddReceiver(host));
    receivers.back()->At(Point::kGreeting, [&](const Question&) -> std::optional<Answer> {
      std::uint32_t open = 0;
      for (const Receiver* one : receivers) open += one->open();
      most_open = std::max(most_open, open);
      return std::nullopt;
    });
    scenario.names().SetMx(absl::StrFormat("d%d.example", domain), {host});
  }
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(most_open, 5u);
}

// ---- what the receiver would say ----

// It takes so many each second, and says so only by throttling.
TEST(Adaptive, FindsAHiddenLimit) {
  constexpr double kHidden = 20;
  Scenario scenario({.addresses = Many(6000), .shaping = "[\"default\"]\nmax_message_rate = \"80/s\"\n"});
  Receiver& receiver = scenario.Serve("one.example");
  delivery::RateGate gate({static_cast<std::uint64_t>(kHidden), Duration::Seconds(1), 2}, scenario.world().now());
  int throttled = 0;
  receiver.At(Point::kContent, [&](const Question&) -> std::optional<Answer> {
    if (gate.TryPass(scenario.world().now())) return std::nullopt;
    ++throttled;
    return Answer{.reply = "451 4.7.1 Our rate limit was exceeded"};
  });
  scenario.RunFor(Duration::Minutes(2));
  const std::size_t before = receiver.accepted().size();
  const int throttled_before = throttled;
  scenario.RunFor(Duration::Minutes(1));
  const double accepted = static_cast<double>(receiver.accepted().size() - before);
  EXPECT_GE(accepted / 60, 0.9 * kHidden);
  EXPECT_LT(throttled - throttled_before, 0.01 * accepted);
}

TEST(Limits, ManyDomainsWithOneRecipientEachGetAsManyConnectionsAsOneWithMany) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 1000; ++i) addresses.push_back(absl::StrFormat("a@d%d.example", i));
  Scenario scenario({.addresses = addresses, .shaping = "[\"default\"]\nconnection_limit = 20\n"});
  Receiver& receiver = scenario.AddReceiver("mx.shared.example");
  for (int i = 0; i < 1000; ++i) scenario.names().SetMx(absl::StrFormat("d%d.example", i), {"mx.shared.example"});
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Seconds(1)}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(receiver.accepted().size(), 1000u);
  EXPECT_GE(receiver.open_max(), 15u);
  EXPECT_LE(receiver.open_max(), 20u);
}

}  // namespace
}  // namespace sim
