// Runs simulated campaigns: simulate [--seed N] [--seeds COUNT] [--bug NAME] [--quiet]. Prints each seed first. Exit
// code 1: a violation.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/text.h"
#include "tests/sim/simulation.h"

namespace {

int Usage() {
  std::fprintf(stderr,
               "usage: simulate [--seed N] [--seeds COUNT] [--bug "
               "skip-barrier|tell-early|pop-twice|mix-tls|wrong-signatures] [--quiet]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t first = 1, count = 1;
  bool quiet = false;
  delivery::PlantedBugs bugs;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--quiet") {
      quiet = true;
      continue;
    }
    if (++i >= argc) return Usage();
    const std::string_view value = argv[i];
    const auto number = base::ParseInteger<std::uint64_t>(value);
    if (option == "--seed" && number.has_value()) {
      first = *number;
    } else if (option == "--seeds" && number.has_value()) {
      count = *number;
    } else if (option == "--bug" && value == "skip-barrier") {
      bugs.skip_attempt_barrier = true;
    } else if (option == "--bug" && value == "tell-early") {
      bugs.tell_before_sync = true;
    } else if (option == "--bug" && value == "pop-twice") {
      bugs.pop_retry_twice = true;
    } else if (option == "--bug" && value == "mix-tls") {
      bugs.mix_tls = true;
    } else if (option == "--bug" && value == "wrong-signatures") {
      bugs.wrong_signatures = true;
    } else {
      return Usage();
    }
  }
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (!quiet) {
      std::printf("seed %llu: ", static_cast<unsigned long long>(seed));
      std::fflush(stdout);
    }
    const sim::Findings findings = sim::Simulate({.seed = seed, .bugs = bugs});
    if (!quiet) {
      std::printf(
          "%s; recipients %llu delivered %llu bounced %llu in doubt %llu expired %llu pending %llu; crashes %u; trace "
          "%016llx\n",
          findings.end.c_str(), static_cast<unsigned long long>(findings.recipients),
          static_cast<unsigned long long>(findings.delivered), static_cast<unsigned long long>(findings.bounced),
          static_cast<unsigned long long>(findings.in_doubt), static_cast<unsigned long long>(findings.expired),
          static_cast<unsigned long long>(findings.pending), findings.crashes,
          static_cast<unsigned long long>(findings.trace));
    }
    if (findings.violations.empty()) continue;
    std::printf("seed %llu violates:\n", static_cast<unsigned long long>(seed));
    for (const std::string& violation : findings.violations) std::printf("  %s\n", violation.c_str());
    return 1;
  }
  return 0;
}
