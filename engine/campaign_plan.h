// Predicts how long a campaign takes, or what is left of it, and what holds it back: looks up where its mail goes, how
// far that is, and applies the limits. Sends nothing, and touches no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/time.h"
#include "engine/io/disk.h"
#include "engine/plan_model.h"
#include "engine/plan_request.h"

namespace engine {

// One (source, site).
struct PlannedSite {
  std::string site, source, provider;
  std::uint64_t recipients = 0;
  PlannedTime time;
  std::optional<base::Duration> round_trip;  // As it was measured.
  base::Duration suspended;                  // Zero: it is not, when the campaign begins.
};

struct PlannedProvider {
  std::string provider;
  std::uint64_t recipients = 0, sites = 0;
  PlannedTime time;  // Of the site that takes longest.
};

struct CampaignPlan {
  static constexpr std::size_t kSitesShown = 100;
  std::string state;       // Of a campaign that was begun, as reports have it; "new": it was not.
  std::uint64_t done = 0;  // Recipients that get nothing any more, by its ledger and the lists; the others are planned.
  std::uint64_t recipients = 0, domains = 0, sites = 0;
  std::uint64_t without_route = 0;         // Recipients whose domain takes no mail, or does not exist.
  std::uint64_t not_connected_to = 0;      // Sites of the busiest: suspended, or others have the source.
  std::uint64_t without_answer = 0;        // Recipients whose domain the DNS gave no answer for.
  PlannedTime time;                        // "finish": of all.
  std::vector<PlannedTime> whole;          // What holds for the campaign as a whole, each by itself.
  std::vector<PlannedProvider> providers;  // The longest first.
  std::vector<PlannedSite> longest;        // Sites, the longest first; at most kSitesShown.
};

// Errors: as PlanRecipients::Open; Cancelled; the DNS cannot be asked.
absl::StatusOr<CampaignPlan> PlanCampaign(io::Disk& disk, const PlanRequest& request);

}  // namespace engine
