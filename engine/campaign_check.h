// Looks at a whole campaign before it is sent: prepares it into a scratch folder, renders the message of every
// recipient, and says what its author would want to know. Sends nothing, and touches no state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/io/disk.h"
#include "engine/message/lint.h"
#include "engine/roster/manifest.h"

namespace engine {

struct CheckRequest {
  const campaign::Campaign* campaign = nullptr;
  const config::Config* config = nullptr;
  std::string scratch;  // An empty folder; the caller removes it.
  base::WallTime now;
  absl::FunctionRef<bool(std::uint64_t rows, std::uint64_t bytes)> progress;
};

struct CheckResult {
  roster::Manifest manifest;  // Its counts.
  std::vector<message::Finding> findings;
  // The body of a message has a link to unsubscribe (message/unsubscribe_link.h): its HTML, else its text. Nullopt:
  // none could be made.
  std::optional<bool> shows_unsubscribe;
  bool HasFailed() const;
};

// Errors: as PrepareCampaign; the campaign is then invalid and nothing else was looked at.
absl::StatusOr<CheckResult> CheckCampaign(io::Disk& disk, const CheckRequest& request);

}  // namespace engine
