#include "tests/sim/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "tests/sim/hidden_limit.h"

namespace sim {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string Join(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

TEST(Simulation, HoldsForTheFirstSeeds) {
  std::uint32_t crashes = 0;
  std::uint64_t delivered = 0, in_doubt = 0, encrypted = 0, resumed = 0, moved = 0, enforced = 0, at_limit = 0;
  std::uint64_t at_limit_over_sites = 0, at_rate = 0, changes = 0, rules_fired = 0, days_used_up = 0;
  std::uint64_t at_source_limit = 0, source_changes = 0, unheard = 0;
  for (std::uint64_t seed = 1; seed <= SLUICE_SIM_SEEDS; ++seed) {
    const Findings findings = Simulate({.seed = seed, .bugs = {}});
    ASSERT_TRUE(findings.violations.empty()) << "seed " << seed << "\n" << Join(findings.violations);
    crashes += findings.crashes;
    delivered += findings.delivered;
    in_doubt += findings.in_doubt;
    encrypted += findings.encrypted;
    resumed += findings.resumed;
    moved += findings.moved;
    enforced += findings.enforced;
    at_limit += findings.at_limit;
    at_limit_over_sites += findings.at_limit_over_sites;
    at_rate += findings.at_rate;
    at_source_limit += findings.at_source_limit;
    source_changes += findings.source_changes;
    changes += findings.changes;
    rules_fired += findings.rules_fired;
    unheard += findings.unheard;
    days_used_up += findings.days_used_up;
  }
  EXPECT_GT(crashes, SLUICE_SIM_SEEDS * 2u / 3u) << "the worlds are too kind to prove anything";
  EXPECT_GT(delivered, SLUICE_SIM_SEEDS * 7u);
  EXPECT_GT(in_doubt, SLUICE_SIM_SEEDS / 15u);
  EXPECT_GT(encrypted, SLUICE_SIM_SEEDS * 3u);
  EXPECT_GT(resumed, SLUICE_SIM_SEEDS * 2u / 3u);
  EXPECT_GT(moved, SLUICE_SIM_SEEDS / 4u);
  EXPECT_GT(enforced, SLUICE_SIM_SEEDS / 4u);
  EXPECT_GT(at_limit, SLUICE_SIM_SEEDS / 4u);
  EXPECT_GT(at_rate, SLUICE_SIM_SEEDS / 4u);
  EXPECT_GT(changes, SLUICE_SIM_SEEDS / 8u);
  EXPECT_GT(rules_fired, SLUICE_SIM_SEEDS / 4u);
  EXPECT_GT(days_used_up, 0u);
  EXPECT_GT(at_source_limit, SLUICE_SIM_SEEDS / 4u);
  EXPECT_GT(source_changes, SLUICE_SIM_SEEDS / 15u);
  if (SLUICE_SIM_SEEDS >= 100) {  // None of the first 40.
    EXPECT_GT(at_limit_over_sites, SLUICE_SIM_SEEDS / 8u);
    EXPECT_GT(unheard, 0u);
  }
}

// What the program prints for these seeds, run in a process of its own.
std::string RunSimulate(const std::string& arguments) {
  std::FILE* pipe = popen((std::string(SLUICE_SIMULATE) + " " + arguments).c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), size);
  pclose(pipe);
  return output;
}

TEST(Simulation, TheSameSeedGivesTheSameTraceInTwoProcesses) {
  const std::string first = RunSimulate("--seed 500 --seeds 20"), second = RunSimulate("--seed 500 --seeds 20");
  EXPECT_NE(first.find("trace"), std::string::npos);
  EXPECT_EQ(first, second);
}

// A checker that finds nothing proves nothing: each bug that is put in must be found.
// The first violation is to be one of those that the bug causes.
// `first`: where none of those before shows it, to save their time.
std::string Found(const delivery::PlantedBugs& bugs, std::uint64_t first = 1) {
  for (std::uint64_t seed = first; seed <= 2000; ++seed) {
    const Findings findings = Simulate({.seed = seed, .bugs = bugs});
    if (!findings.violations.empty()) return findings.violations.front();
  }
  return "";
}

// Who does not wait for the disk does not wait for the rates either, and that may be found first.
TEST(Simulation, FindsASkippedAttemptBarrier) {
  bool found = false;
  for (std::uint64_t seed = 1; seed <= 300 && !found; ++seed) {
    const Findings findings = Simulate({.seed = seed, .bugs = {.skip_attempt_barrier = true}});
    found = std::any_of(findings.violations.begin(), findings.violations.end(),
                        [](const std::string& one) { return one.find(" was accepted") != std::string::npos; });
  }
  EXPECT_TRUE(found);
}
TEST(Simulation, FindsAnOutcomeToldBeforeItsSync) {
  EXPECT_THAT(Found({.tell_before_sync = true}), HasSubstr("final states were told"));
}
TEST(Simulation, D06_FindsASessionUsedForAnotherTlsPolicy) {
  EXPECT_THAT(Found({.mix_tls = true}), StartsWith("TLS: "));
}
TEST(Simulation, FindsASignatureOfAnotherMessage) {
  EXPECT_THAT(Found({.wrong_signatures = true}), HasSubstr("is not of this message"));
}
TEST(Simulation, FindsMailThatGoesWhereItsDomainHasBeen) {
  EXPECT_THAT(Found({.keep_old_route = true}), StartsWith("MX: "));
}
TEST(Simulation, FindsMailToAHostThatAnMtaStsPolicyDoesNotName) {
  EXPECT_THAT(Found({.sts_any_host = true}), HasSubstr("which its MTA-STS policy does not name"));
}
TEST(Simulation, FindsMailUnderACertificateThatDoesNotHold) {
  EXPECT_THAT(Found({.sts_any_certificate = true}), HasSubstr(" was delivered under SIM_2_0_"));
}
TEST(Simulation, FindsShardsThatEachKeepTheLimits) {
  EXPECT_THAT(Found({.limits_of_each_shard = true}, 300), StartsWith("limits: "));
}
TEST(Simulation, FindsCampaignsThatEachKeepTheLimits) {
  EXPECT_THAT(Found({.limits_of_each_campaign = true}), StartsWith("limits: "));
}
TEST(Simulation, FindsLimitsThatBeginAnewWithTheProgram) {
  EXPECT_THAT(Found({.forget_limits = true}), StartsWith("limits: "));
}
TEST(Simulation, FindsSitesThatEachKeepTheLimitsOfTheirProvider) {
  EXPECT_THAT(Found({.limits_of_each_site = true}), HasSubstr(", all sites, from "));
}
TEST(Simulation, FindsSitesThatEachHaveTheLimitsOfTheirSource) {
  EXPECT_THAT(Found({.sources_at_each_site = true}), StartsWith("limits: source "));
}
TEST(Simulation, FindsWhatASourceOwesForgottenByARestart) {
  EXPECT_THAT(Found({.forget_source_rates = true}, 162), StartsWith("limits: source "));
}
TEST(Simulation, FindsLimitsThatNewShapingFilesDoNotReach) {
  EXPECT_THAT(Found({.keep_old_limits = true}, 52), StartsWith("limits: "));
}
TEST(Simulation, FindsARuleThatSuspendsOneOfSeveralCampaigns) {
  EXPECT_THAT(Found({.rules_of_each_campaign = true}, 199), HasSubstr("to a site that a rule suspends"));
}
TEST(Simulation, FindsWhatRulesHaveSetForgottenByARestart) {
  EXPECT_THAT(Found({.forget_settings = true}, 372), HasSubstr("a rule"));
}
TEST(Simulation, FindsSitesThatEachHaveTheDaysNumberOfAWarmup) {
  EXPECT_THAT(Found({.warmups_of_each_site = true}, 380), HasSubstr(" on a day that has "));
}
TEST(Simulation, FindsMoreConnectionsThanConfigured) {
  EXPECT_THAT(Found({.window_without_limit = true}), HasSubstr(" connections, where "));
}
TEST(Simulation, FindsConnectionsThatComeTooFast) {
  EXPECT_THAT(Found({.no_connection_rate = true}), HasSubstr("more connections than the rate allows"));
}
TEST(Simulation, FindsARateThatLetsATenthMorePass) {
  EXPECT_THAT(Found({.faster_rates = true}), AllOf(HasSubstr("more messages than "), HasSubstr(" rate allows")));
}
TEST(Simulation, FindsABurstThatIsOneTooLarge) {
  EXPECT_THAT(Found({.larger_bursts = true}), HasSubstr(" rate allows"));
}
TEST(Simulation, FindsDebtsThatAreLostWhereLimitsAreSetAnew) {
  EXPECT_THAT(Found({.forget_at_new_limits = true}),
              AllOf(HasSubstr("more messages than "), HasSubstr(" rate allows")));
}
TEST(Simulation, FindsAMessageTooManyOfAConnection) {
  EXPECT_THAT(Found({.one_delivery_too_many = true}), HasSubstr("messages in a connection"));
}
TEST(Simulation, FindsARetryThatIsPoppedTwice) {
  EXPECT_THAT(Found({.pop_retry_twice = true}), HasSubstr("after its final state"));
}

TEST(HiddenLimits, AreFoundInTwoMinutes) {
  std::uint32_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= SLUICE_SIM_HIDDEN_LIMITS; ++seed) {
    const Findings findings = SimulateHiddenLimit({.seed = seed, .bugs = {}});
    ASSERT_TRUE(findings.violations.empty()) << "seed " << seed << "\n" << Join(findings.violations);
    crashes += findings.crashes;
  }
  if (SLUICE_SIM_HIDDEN_LIMITS >= 60) {  // With sanitizers there are fewer.
    EXPECT_GT(crashes, SLUICE_SIM_HIDDEN_LIMITS / 8u);
  }
}
TEST(HiddenLimits, FindsThatThrottlingIsIgnored) {
  const Findings findings = SimulateHiddenLimit({.seed = 1, .bugs = {.ignore_throttling = true}});
  EXPECT_THAT(Join(findings.violations), StartsWith("hidden limit "));
}

}  // namespace
}  // namespace sim
