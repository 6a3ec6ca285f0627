// Rows of the standards about STARTTLS that is refused, or that comes to nothing: what becomes of the mail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;

constexpr char kA[] = "a@one.example";
constexpr char kB[] = "b@one.example";

// On a new connection, and for ten minutes nobody asks again.
TEST(Standards, P17WhereStartTlsIsRefusedMailGoesInClearOnANewConnection) {
  for (const char* mode : {"OpportunisticInsecure", "Opportunistic"}) {
    for (const char* reply : {"454 4.7.0 Not now", "502 5.5.1 Not here"}) {
      Scenario scenario(
          {.addresses = {kA, kB}, .shaping = absl::StrFormat("[\"default\"]\nenable_tls = \"%s\"\n", mode)});
      Receiver& receiver = scenario.Serve("one.example");
      receiver.certificate = "mx.one.example";
      receiver.At(Point::kStartTls, First(1, {reply}));
      const base::Instant later = scenario.world().now() + Duration::Minutes(15);
      receiver.At(Point::kRcpt, [&scenario, later](const Question& question) -> std::optional<Answer> {
        if (question.recipient != kB || scenario.world().now() >= later) return std::nullopt;
        return Answer{"450 4.2.1 Later"};
      });
      scenario.RunFor(Duration::Minutes(1));
      EXPECT_THAT(receiver.accepted(), ElementsAre(kA));
      EXPECT_THAT(receiver.encrypted(), IsEmpty());
      EXPECT_EQ(receiver.CountOf("STARTTLS"), 1u);
      EXPECT_GE(receiver.connections().size(), 2u);
      scenario.RunFor(Duration::Minutes(8));
      EXPECT_EQ(receiver.CountOf("STARTTLS"), 1u);
      EXPECT_TRUE(scenario.Finish());
      EXPECT_THAT(receiver.accepted(), ElementsAre(kA, kB));
      EXPECT_EQ(receiver.CountOf("STARTTLS"), 2u);
    }
  }
}

// RFC 8460 section 4.3: each session, also those that are in clear because TLS failed there before.
TEST(Standards, R01ARememberedFailureOfTlsCountsForEachSession) {
  for (const bool is_refused : {true, false}) {
    Scenario scenario({.addresses = {kA, kB}});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.certificate = receiver.bad_name = "mx.one.example";
    if (is_refused) receiver.At(Point::kStartTls, "502 5.5.1 Not here");
    receiver.At(Point::kRcpt, [asked = false](const Question& question) mutable -> std::optional<Answer> {
      if (question.recipient != kB || std::exchange(asked, true)) return std::nullopt;
      return Answer{"450 4.2.1 Later"};
    });
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), ElementsAre(kA, kB));
    std::uint64_t failures = 0;
    const auto expected = is_refused ? tls::Result::kStartTlsNotSupported : tls::Result::kValidationFailure;
    for (const auto& [key, count] : scenario.tls_results().counts()) {
      EXPECT_EQ(key.result, expected);
      failures += count;
    }
    EXPECT_EQ(failures, receiver.connections().size());
  }
}

// RFC 3207 section 4. It was out of order for a moment, and whoever comes then in clear is refused for that.
TEST(Standards, P17AServerThatWantsTlsAfterItRefusedItIsAskedForTlsAgain) {
  for (const char* reply : {"530 5.7.0 Must issue a STARTTLS command first", "550 5.7.10 Please use STARTTLS"}) {
    Scenario scenario({.addresses = {kA, kB}});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.certificate = "mx.one.example";
    receiver.At(Point::kStartTls, First(1, {"454 4.7.0 Not now"}));
    receiver.At(Point::kMail, First(1, {reply}));
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.encrypted(), UnorderedElementsAre(kA, kB));
    EXPECT_THAT(receiver.accepted(), SizeIs(2));
    EXPECT_EQ(receiver.CountOf("MAIL"), 3u);
    EXPECT_THAT(scenario.Story(kA),
                AllOf(Contains(StartsWith("deferred TlsRequired 5")), Not(Contains(StartsWith("bounced")))));
  }
}

// Nobody gets through, and nobody is asked for each recipient.
TEST(Standards, P17AServerThatWantsTlsAndRefusesItDefers) {
  for (const bool fails : {true, false}) {
    Scenario scenario({.addresses = Many(30)});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.certificate = receiver.bad_name = "mx.one.example";
    if (!fails) receiver.At(Point::kStartTls, "454 4.7.0 Not now");
    receiver.At(Point::kMail, "530 5.7.0 Must issue a STARTTLS command first");
    scenario.RunFor(Duration::Seconds(30));
    EXPECT_EQ(scenario.CountLast("deferred TlsRequired"), 30u);
    EXPECT_LE(receiver.CountOf("MAIL"), 10u);
    EXPECT_LE(receiver.connections().size(), 20u);
    scenario.RunFor(Duration::Minutes(25));  // Several retries.
    EXPECT_LE(receiver.CountOf("MAIL"), 10u) << "nothing more in clear";
    EXPECT_EQ(scenario.CountLast("deferred TlsRequired"), 30u);
  }
}

TEST(Standards, P17WhereTlsIsRequiredARefusalDefers) {
  for (const char* mode : {"RequiredInsecure", "Required"}) {
    Scenario scenario({.addresses = {kA}, .shaping = absl::StrFormat("[\"default\"]\nenable_tls = \"%s\"\n", mode)});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.certificate = "mx.one.example";
    receiver.At(Point::kStartTls, "454 4.7.0 Not now");
    scenario.RunFor(Duration::Minutes(3));
    EXPECT_EQ(scenario.Last(kA), "deferred TlsRequired STARTTLS");
    EXPECT_EQ(receiver.CountOf("MAIL"), 0u);
  }
}

}  // namespace
}  // namespace sim
