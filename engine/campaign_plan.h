// Predicts how long a campaign takes, and what holds it back: prepares it into a scratch folder, looks up where its
// mail goes, how far that is, and applies the limits. Sends nothing, and touches no state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"
#include "engine/delivery/source.h"
#include "engine/dkim/signing_key.h"
#include "engine/io/disk.h"
#include "engine/plan_model.h"

namespace engine {

struct PlanRequest {
  const campaign::Campaign* campaign = nullptr;
  const config::Config* config = nullptr;
  const config::Shaping* shaping = nullptr;
  const std::vector<delivery::Source>* sources = nullptr;
  const std::vector<dkim::SigningKey>* keys = nullptr;
  std::uint32_t shards = 1;
  std::string scratch;            // An empty folder; the caller removes it.
  std::string host_state;         // What the host knows of receivers: <state_dir>/host. Empty: nothing.
  std::string source_names = {};  // As HostState has them.
  base::WallTime now;
  // To all receivers. None: those with the most messages for each connection are asked (receiver_probe.h), and the
  // others are taken to be kAssumedRoundTrip away.
  std::optional<base::Duration> round_trip;
  base::Log* log = nullptr;
  absl::FunctionRef<bool()> go_on;  // False stops.
};

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
  std::uint64_t recipients = 0, domains = 0, sites = 0;
  std::uint64_t without_route = 0;         // Recipients whose domain takes no mail, or does not exist.
  std::uint64_t not_connected_to = 0;      // Sites of the busiest: suspended, or others have the source.
  std::uint64_t without_answer = 0;        // Recipients whose domain the DNS gave no answer for.
  PlannedTime time;                        // "finish": of all.
  std::vector<PlannedTime> whole;          // What holds for the campaign as a whole, each by itself.
  std::vector<PlannedProvider> providers;  // The longest first.
  std::vector<PlannedSite> longest;        // Sites, the longest first; at most kSitesShown.
};

// Errors: as PrepareCampaign; Cancelled; the DNS cannot be asked.
absl::StatusOr<CampaignPlan> PlanCampaign(io::Disk& disk, const PlanRequest& request);

}  // namespace engine
