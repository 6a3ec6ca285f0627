// Open files: the sessions of the whole program, in the whole shards.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;

// Domains whose sites are on that shard of two.
std::vector<std::string> DomainsOf(std::uint32_t shard, std::size_t count) {
  std::vector<std::string> domains;
  for (int n = 0; domains.size() < count; ++n) {
    const std::string domain = absl::StrFormat("s%d.example", n);
    if (base::StableHash("mx." + domain) % 2 == shard) domains.push_back(domain);
  }
  return domains;
}

// Receivers that take half a second for each message, and what all of them see together.
struct FewSessions {
  FewSessions(std::uint32_t sessions, const std::vector<std::string>& domains, int each,
              const std::string& limits = "connection_limit = 100\n")
      : scenario({.addresses = Addresses(domains, each),
                  .shaping = "[\"default\"]\nadaptive = false\n" + limits,
                  .shards = 2,
                  .sessions_max = sessions}) {
    for (const std::string& domain : domains) {
      Receiver& receiver = scenario.Serve(domain);
      receivers.push_back(&receiver);
      receiver.At(Point::kGreeting, [this](const Question&) -> std::optional<Answer> {
        most_open = std::max(most_open, Open());
        return std::nullopt;
      });
      receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken", .wait = Duration::Milliseconds(500)}));
    }
  }
  static std::vector<std::string> Addresses(const std::vector<std::string>& domains, int each) {
    std::vector<std::string> addresses;
    for (const std::string& domain : domains) {
      for (const std::string& address : Many(each, domain)) addresses.push_back(address);
    }
    return addresses;
  }
  std::uint32_t Open() const {
    std::uint32_t open = 0;
    for (const Receiver* one : receivers) open += one->open();
    return open;
  }
  std::size_t Connections() const {
    std::size_t connections = 0;
    for (const Receiver* one : receivers) connections += one->connections().size();
    return connections;
  }

  Scenario scenario;
  std::vector<Receiver*> receivers;
  std::uint32_t most_open = 0;
};

TEST(Sessions, AreForOneShardWhereTheOtherNeedsNone) {
  FewSessions few(20, DomainsOf(0, 3), 500);
  few.scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(few.most_open, 20u);
  EXPECT_GE(few.Open(), 19u);
  EXPECT_TRUE(few.scenario.Finish());
  EXPECT_EQ(few.most_open, 20u);
}

// One shard has everything in use when the other's only site comes.
TEST(Sessions, GoToTheOtherShardWhenItNeedsThem) {
  std::vector<std::string> domains = DomainsOf(0, 3);
  domains.push_back(DomainsOf(1, 1).front());
  FewSessions few(6, domains, 800);
  Receiver& late = *few.receivers.back();
  few.scenario.names().SetAnswer(domains.back(), dns::AnswerKind::kServerFail);
  few.scenario.RunFor(Duration::Seconds(10));
  EXPECT_EQ(few.Open(), 6u);
  few.scenario.names().SetAnswer(domains.back(), dns::AnswerKind::kFound);
  few.scenario.RunFor(Duration::Minutes(2));
  EXPECT_GT(late.accepted().size(), 100u);
  EXPECT_TRUE(few.scenario.Finish());
  EXPECT_LE(few.most_open, 6u);
}

// Far fewer than sites: each has its turn, and a session that is opened carries something.
TEST(Sessions, AreSharedInTurnsByManySites) {
  std::vector<std::string> domains = DomainsOf(0, 9);
  for (const std::string& domain : DomainsOf(1, 9)) domains.push_back(domain);
  FewSessions few(3, domains, 45);
  ASSERT_TRUE(few.scenario.Finish());
  EXPECT_LE(few.most_open, 3u);
  EXPECT_LT(few.Connections(), 18 * 6u);
}

// Tokens are rare, and every session is wanted elsewhere: one that has been opened waits for its token.
TEST(Sessions, AreNotGivenUpBeforeTheyCarryAnything) {
  std::vector<std::string> domains = DomainsOf(0, 4);
  for (const std::string& domain : DomainsOf(1, 4)) domains.push_back(domain);
  FewSessions few(2, domains, 20, "connection_limit = 2\nmax_message_rate = \"60/min,max_burst=1\"\n");
  few.scenario.RunFor(Duration::Minutes(10));
  EXPECT_EQ(few.scenario.CountLast("delivered"), 160u);
  EXPECT_LE(few.most_open, 2u);
  EXPECT_LE(few.Connections(), 170u);
}

// Whoever has the most there, and however many of them are to be tried again.
TEST(Destinations, OfOneSiteTakeTurnsFromTheFirstMessageOn) {
  constexpr int kSmall = 5;
  std::vector<std::string> domains = {"big.example"}, addresses = Many(1000, "big.example");
  for (int i = 0; i < kSmall; ++i) {
    domains.push_back(absl::StrFormat("d%d.example", i));
    for (const std::string& address : Many(100, domains.back())) addresses.push_back(address);
  }
  Scenario scenario({.addresses = addresses, .shaping = "[\"default\"]\nconnection_limit = 1\nadaptive = false\n"});
  scenario.job().retry_plan = delivery::RetryPlan({Duration::Seconds(10)});
  Receiver& receiver = scenario.AddReceiver("mx.example");
  for (const std::string& domain : domains) scenario.names().SetMx(domain, {"mx.example"});
  std::map<std::string, int> asked;
  int big_at_last = 0;  // When the last of the others has had a first attempt.
  receiver.At(Point::kRcpt, [&](const Question& question) -> std::optional<Answer> {
    const std::string domain = question.recipient.substr(question.recipient.find('@') + 1);
    if (++asked[domain] == 100 && domain != "big.example") big_at_last = asked["big.example"];
    const std::optional<Answer> later = Answer{.reply = "450 4.2.1 Later", .wait = Duration::Milliseconds(100)};
    return domain == "big.example" ? later : Answer{.reply = "250 2.1.5 Ok", .wait = Duration::Milliseconds(100)};
  });
  while (asked["big.example"] < 50) scenario.RunFor(Duration::Seconds(1));
  for (std::size_t i = 1; i <= kSmall; ++i) EXPECT_GE(asked[domains[i]], 40) << domains[i];
  scenario.RunFor(Duration::Minutes(2));
  for (std::size_t i = 1; i <= kSmall; ++i) EXPECT_EQ(asked[domains[i]], 100) << domains[i];
  EXPECT_LE(big_at_last, 110);
}

// Of a source that could not be bound to; also who is never without something to do, so that nothing else looks where
// he belongs.
TEST(Sources, WhoGoesByAnotherGoesBackToHisOwnWhenThatHasRested) {
  Scenario scenario({.addresses = Many(3000), .shaping = "[\"default\"]\nmax_message_rate = \"1/s,max_burst=1\"\n"});
  scenario.UseTwoSources();
  const base::IpAddress first = *scenario.job().sources[0].address;
  scenario.network().SetBindable(first, false);
  Receiver& receiver = scenario.Serve("one.example");
  std::uint32_t from_first = 0;
  receiver.At(Point::kMail, [&](const Question& question) -> std::optional<Answer> {
    from_first += question.client == first ? 1 : 0;
    return std::nullopt;
  });
  scenario.RunFor(Duration::Minutes(9));
  EXPECT_EQ(scenario.log().CountOf("source one cannot be used"), 1u);
  scenario.network().SetBindable(first, true);
  EXPECT_EQ(from_first, 0u);
  scenario.RunFor(Duration::Minutes(3));
  EXPECT_GT(from_first, 60u);
}

TEST(ChangedShaping, HoldsForConnectionsThatAreThere) {
  const std::string slow = std::string(kOneSession) + "max_message_rate = \"1/s\"\n";
  Scenario scenario({.addresses = Many(20), .shaping = slow});
  Receiver& receiver = scenario.Serve("one.example");
  scenario.RunFor(Duration::Seconds(5));
  const std::size_t before = receiver.accepted().size();
  EXPECT_EQ(receiver.connections().size(), 1u);
  std::vector<std::string> warnings;
  scenario.process().ChangeShaping(std::make_shared<const config::Shaping>(
      *config::Shaping::Parse({{{"shaping", slow + "max_deliveries_per_connection = 2\n"}}}, warnings)));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(receiver.connections().size(), 1 + (20 - before + 1) / 2);
}

}  // namespace
}  // namespace sim
