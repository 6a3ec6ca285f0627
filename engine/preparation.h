// From a campaign file to what is prepared: the message for the renderer, and the roster of its recipients.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/campaign/suppression.h"
#include "engine/io/disk.h"
#include "engine/message/spec.h"
#include "engine/roster/manifest.h"
#include "engine/state_folder.h"

namespace engine {

// The message part of a campaign, for the renderer.
message::MessageSpec SpecOf(const campaign::Campaign& campaign);

struct Preparation {
  const campaign::Campaign* campaign = nullptr;
  const campaign::SuppressionLists* suppression = nullptr;
  std::string directory;               // Exists; the prepared files go there.
  std::vector<std::string> dkim_keys;  // As in the manifest.
  std::string token_key = {};          // As in the manifest.
  base::WallTime now;
  std::optional<roster::TestSend> test = std::nullopt;  // As roster::PrepareOptions says.
  bool rehearsal = false;                               // As in the manifest.
  // Rows and bytes of the recipients file so far; false stops.
  absl::FunctionRef<bool(std::uint64_t rows, std::uint64_t bytes)> progress;
};

// Compiles the message and reads the recipients. Errors: as message::MessageTemplate::Compile and roster::Prepare;
// InvalidArgument, a file of the message cannot be read.
absl::Status PrepareCampaign(io::Disk& disk, const Preparation& preparation);

// Whether a campaign that was prepared in `directory` is still the one that its file describes. Errors:
// FailedPrecondition, message or recipients have changed; Internal, it is another campaign.
absl::Status CheckUnchanged(const campaign::Campaign& campaign, const roster::Manifest& manifest,
                            const std::string& directory);
// A rehearsal and the campaign itself never share a state: who has "got" the mail in the one has not in the other.
// Errors: FailedPrecondition, what was prepared in `directory` is the other of the two.
absl::Status CheckKind(bool rehearsal, const roster::Manifest& manifest, const std::string& directory);

// A ledger whose manifest is gone must not meet another preparation: its records would be about other people. Errors:
// there is such a ledger.
absl::Status CheckNothingStarted(io::Disk& disk, const StatePaths& paths);

}  // namespace engine
