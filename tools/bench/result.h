// What a benchmark says: one JSON object, or a summary for people.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/bench/measurement.h"
#include "tools/bench/processor.h"
#include "tools/bench/settings.h"

namespace bench {

// One run of one scenario, whole.
struct Result {
  Settings settings;
  CorePlan cores;
  std::string folder;  // Where the ledger was.
  Measurement measurement;
  std::string sink_totals;  // SinkServer::TotalsJson
};

// The sink had no time left, or took nearly as many as of a flood: the figures are at least as much its own.
bool IsSinkBound(const Measurement& measurement);

nlohmann::ordered_json ToJson(const Result& result);
std::string ToText(const Result& result);

// Runs of two scenarios in turn. Ratios are of A by B.
nlohmann::ordered_json CompareJson(const std::vector<Result>& a, const std::vector<Result>& b);
std::string CompareText(const std::vector<Result>& a, const std::vector<Result>& b);

}  // namespace bench
