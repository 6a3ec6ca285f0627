// Prepares a campaign: reads its recipients once, checks every row, leaves out the suppressed, folds the duplicates,
// and writes the roster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/campaign/suppression.h"
#include "engine/io/disk.h"
#include "engine/message/renderer.h"
#include "engine/roster/manifest.h"

namespace roster {

// What the reason of a row begins with that is rejected because its message cannot be made.
inline constexpr std::string_view kRefusedRow = "its message cannot be made: ";

struct PrepareOptions {
  std::string directory;  // Of the campaign's state; exists.
  const campaign::Campaign* campaign = nullptr;
  const campaign::SuppressionLists* suppression = nullptr;
  const message::MessageTemplate* message = nullptr;
  std::string template_snapshot;
  std::vector<std::string> dkim_keys;  // As in the manifest.
  std::string token_key = {};          // As in the manifest.
  std::uint64_t campaign_hash = 0;
  // A test send: only this row, whether or not it is suppressed; `shown` is filled in here. None: the campaign.
  std::optional<TestSend> test = std::nullopt;
  bool rehearsal = false;  // As in the manifest.
  base::WallTime now;
  std::size_t arena_bytes = 8u << 20;
  // Called every few thousand rows with rows and bytes so far; false stops the preparation.
  absl::FunctionRef<bool(std::uint64_t rows, std::uint64_t bytes)> progress;
};

// Errors: InvalidArgument, the recipients are not what the campaign asks for, "FILE:LINE: …", several lines at once;
// Cancelled, `progress` said so; ResourceExhausted, the disk is full; others, the disk. After an error nothing is
// prepared.
absl::Status Prepare(io::Disk& disk, const PrepareOptions& options);

}  // namespace roster
