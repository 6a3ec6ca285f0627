// What `send` does at a receiver and asks of the DNS, as far as a plan has to foresee it. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "dns/mx_lookup.h"
#include "engine/config/shaping.h"
#include "engine/plan_model.h"
#include "engine/receiver_probe.h"

namespace engine {

// How long a receiver that is so far away takes; null: nobody has asked it, and it is as `otherwise` says. Commits are
// as there. Several messages share that time where they are in flight together: where no rate holds, that of the
// campaign among them.
PlanAssumptions AssumptionsFor(const std::optional<ReceiverProbe::Distance>& distance, const config::Limits& limits,
                               bool campaign_has_rate, const PlanAssumptions& otherwise);

// Whether a domain with this route is asked for its MTA-STS record, too.
bool AsksForPolicy(const config::Shaping& shaping, std::string_view domain, const dns::Route& route,
                   std::string_view source);

}  // namespace engine
