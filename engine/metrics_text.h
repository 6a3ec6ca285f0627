// Metrics as Prometheus reads them: the text format, version 0.0.4. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/delivery/tally.h"

namespace engine {

inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

struct Metrics {
  struct Campaign {
    std::string id;
    std::map<ledger::OutcomeKind, std::uint64_t> outcomes;
    std::uint64_t pending = 0;
  };
  std::vector<delivery::ShardMetrics> shards;
  std::uint64_t pending = 0;  // In all; those that are at no site are of the provider "unrouted".
  std::uint32_t sessions_open = 0;
  std::uint64_t delivered_bytes = 0;
  std::vector<Campaign> campaigns;

  // Adds what one campaign has.
  void Add(const std::string& campaign, const Metrics& its);
};

// Never labelled by site: there may be as many as domains. By campaign only what is a few lines for each.
std::string MetricsText(const Metrics& metrics);

}  // namespace engine
