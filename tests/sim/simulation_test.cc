#include "tests/sim/simulation.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace sim {
namespace {

std::string Join(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

TEST(Simulation, HoldsForTheFirstSeeds) {
  std::uint32_t crashes = 0;
  std::uint64_t delivered = 0, in_doubt = 0, encrypted = 0, resumed = 0;
  for (std::uint64_t seed = 1; seed <= SLUICE_SIM_SEEDS; ++seed) {
    const Findings findings = Simulate({.seed = seed, .bugs = {}});
    ASSERT_TRUE(findings.violations.empty()) << "seed " << seed << "\n" << Join(findings.violations);
    crashes += findings.crashes;
    delivered += findings.delivered;
    in_doubt += findings.in_doubt;
    encrypted += findings.encrypted;
    resumed += findings.resumed;
  }
  EXPECT_GT(crashes, SLUICE_SIM_SEEDS * 2u / 3u) << "the worlds are too kind to prove anything";
  EXPECT_GT(delivered, SLUICE_SIM_SEEDS * 7u);
  EXPECT_GT(in_doubt, SLUICE_SIM_SEEDS / 15u);
  EXPECT_GT(encrypted, SLUICE_SIM_SEEDS * 3u);
  EXPECT_GT(resumed, SLUICE_SIM_SEEDS * 2u / 3u);
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
std::uint64_t SeedsToFind(const delivery::PlantedBugs& bugs) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    if (!Simulate({.seed = seed, .bugs = bugs}).violations.empty()) return seed;
  }
  return 0;
}

TEST(Simulation, FindsASkippedAttemptBarrier) { EXPECT_NE(SeedsToFind({.skip_attempt_barrier = true}), 0u); }
TEST(Simulation, FindsAnOutcomeToldBeforeItsSync) { EXPECT_NE(SeedsToFind({.tell_before_sync = true}), 0u); }
TEST(Simulation, FindsASessionUsedForAnotherTlsPolicy) { EXPECT_NE(SeedsToFind({.mix_tls = true}), 0u); }
TEST(Simulation, FindsASignatureOfAnotherMessage) { EXPECT_NE(SeedsToFind({.wrong_signatures = true}), 0u); }
TEST(Simulation, FindsARetryThatIsPoppedTwice) { EXPECT_NE(SeedsToFind({.pop_retry_twice = true}), 0u); }

}  // namespace
}  // namespace sim
