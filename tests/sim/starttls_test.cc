// Rows of the standards about STARTTLS that is refused, or that comes to nothing: what becomes of the mail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::ElementsAre;
using testing::IsEmpty;

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
