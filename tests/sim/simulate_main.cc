// Runs simulated campaigns: simulate [--seed N] [--seeds COUNT] [--bug NAME] [--hidden-limits] [--quiet]. Prints each
// seed first. Exit code 1: a violation.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/text.h"
#include "tests/sim/hidden_limit.h"
#include "tests/sim/simulation.h"

namespace {

struct Bug {
  const char* name;
  bool delivery::PlantedBugs::*flag;
};
constexpr Bug kBugs[] = {{"skip-barrier", &delivery::PlantedBugs::skip_attempt_barrier},
                         {"tell-early", &delivery::PlantedBugs::tell_before_sync},
                         {"pop-twice", &delivery::PlantedBugs::pop_retry_twice},
                         {"mix-tls", &delivery::PlantedBugs::mix_tls},
                         {"wrong-signatures", &delivery::PlantedBugs::wrong_signatures},
                         {"keep-old-route", &delivery::PlantedBugs::keep_old_route},
                         {"sts-any-host", &delivery::PlantedBugs::sts_any_host},
                         {"sts-any-certificate", &delivery::PlantedBugs::sts_any_certificate},
                         {"limits-of-each-shard", &delivery::PlantedBugs::limits_of_each_shard},
                         {"limits-of-each-campaign", &delivery::PlantedBugs::limits_of_each_campaign},
                         {"limits-of-each-site", &delivery::PlantedBugs::limits_of_each_site},
                         {"sources-at-each-site", &delivery::PlantedBugs::sources_at_each_site},
                         {"warmups-of-each-site", &delivery::PlantedBugs::warmups_of_each_site},
                         {"keep-old-limits", &delivery::PlantedBugs::keep_old_limits},
                         {"rules-of-each-campaign", &delivery::PlantedBugs::rules_of_each_campaign},
                         {"forget-settings", &delivery::PlantedBugs::forget_settings},
                         {"ignore-throttling", &delivery::PlantedBugs::ignore_throttling},
                         {"forget-limits", &delivery::PlantedBugs::forget_limits},
                         {"forget-source-rates", &delivery::PlantedBugs::forget_source_rates},
                         {"window-without-limit", &delivery::PlantedBugs::window_without_limit},
                         {"no-connection-rate", &delivery::PlantedBugs::no_connection_rate},
                         {"faster-rates", &delivery::PlantedBugs::faster_rates},
                         {"larger-bursts", &delivery::PlantedBugs::larger_bursts},
                         {"forget-at-new-limits", &delivery::PlantedBugs::forget_at_new_limits},
                         {"one-delivery-too-many", &delivery::PlantedBugs::one_delivery_too_many}};

int Usage() {
  std::fprintf(stderr, "usage: simulate [--seed N] [--seeds COUNT] [--bug NAME] [--hidden-limits] [--quiet]\nbugs:");
  for (const Bug& bug : kBugs) std::fprintf(stderr, " %s", bug.name);
  std::fprintf(stderr, "\n");
  return 2;
}

// False: there is no such bug.
bool PlantBug(std::string_view name, delivery::PlantedBugs& bugs) {
  for (const Bug& bug : kBugs) {
    if (name == bug.name) return bugs.*bug.flag = true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t first = 1, count = 1;
  bool quiet = false, hidden_limits = false;
  delivery::PlantedBugs bugs;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--quiet") {
      quiet = true;
      continue;
    }
    if (option == "--hidden-limits") {
      hidden_limits = true;
      continue;
    }
    if (++i >= argc) return Usage();
    const std::string_view value = argv[i];
    const auto number = base::ParseInteger<std::uint64_t>(value);
    if (option == "--seed" && number.has_value()) {
      first = *number;
    } else if (option == "--seeds" && number.has_value()) {
      count = *number;
    } else if (option == "--bug" && PlantBug(value, bugs)) {
      continue;
    } else {
      return Usage();
    }
  }
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (!quiet) {
      std::printf("seed %llu: ", static_cast<unsigned long long>(seed));
      std::fflush(stdout);
    }
    const sim::Settings settings{.seed = seed, .bugs = bugs};
    const sim::Findings findings = hidden_limits ? sim::SimulateHiddenLimit(settings) : sim::Simulate(settings);
    if (!quiet) {
      std::printf(
          "%s; campaigns %llu recipients %llu delivered %llu bounced %llu in doubt %llu expired %llu pending %llu; "
          "crashes %u; trace "
          "%016llx\n",
          findings.end.c_str(), static_cast<unsigned long long>(findings.campaigns),
          static_cast<unsigned long long>(findings.recipients), static_cast<unsigned long long>(findings.delivered),
          static_cast<unsigned long long>(findings.bounced), static_cast<unsigned long long>(findings.in_doubt),
          static_cast<unsigned long long>(findings.expired), static_cast<unsigned long long>(findings.pending),
          findings.crashes, static_cast<unsigned long long>(findings.trace));
    }
    if (findings.violations.empty()) continue;
    std::printf("seed %llu violates:\n", static_cast<unsigned long long>(seed));
    for (const std::string& violation : findings.violations) std::printf("  %s\n", violation.c_str());
    return 1;
  }
  return 0;
}
