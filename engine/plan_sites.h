// The sites that a planned campaign goes to, and how far away they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/config/shaping.h"
#include "engine/delivery/host_plan.h"
#include "engine/plan_host.h"
#include "engine/plan_loop.h"
#include "engine/plan_model.h"
#include "engine/plan_request.h"
#include "engine/receiver_probe.h"

namespace engine {

struct PlanSite {
  std::string domain;  // What its limits are read by.
  std::vector<config::MailHost> hosts;
  std::vector<DueCounts> recipients;  // By source.
  std::vector<delivery::PlannedHost> exchangers = {};
  std::optional<ReceiverProbe::Distance> distance = std::nullopt;  // As it was measured.
};
using PlanSites = std::map<std::string, PlanSite>;

// Connects to those where a connection has most to carry: 30, all at once, and for 10 seconds at most. Returns how many
// of them nobody may connect to. Errors: Cancelled.
absl::StatusOr<std::uint64_t> MeasureDistances(const PlanRequest& request, const PlanHost& host, PlanLoop& loop,
                                               PlanSites& sites);

}  // namespace engine
