// `sluice seal`: makes the signatures of everybody who is pending, on all cores, and keeps them in the campaign's state
// (delivery/signature_file.h), so that sending is I/O only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/delivery/sealer.h"
#include "engine/delivery/signature_file.h"
#include "engine/io/disk.h"
#include "engine/ledger/state.h"
#include "engine/state_folder.h"

namespace engine {

struct Sealing {
  const campaign::Campaign& campaign;
  const config::Config& config;
  const StartedCampaign& started;
  const std::vector<dkim::SigningKey>& keys;
  const ledger::StateTable& table;  // How the recipients stand: whoever is final needs no signature.
  const ledger::CampaignFacts& facts;
  std::uint32_t threads = 1;
  // Recipients that have signatures, and all who are to have them; about ten times a second. False: stop.
  absl::FunctionRef<bool(std::uint64_t sealed, std::uint64_t all)> progress;
};

struct SealTotals {
  std::uint64_t sealed = 0;  // Everybody who is pending.
  std::uint64_t made = 0;    // By this call; the others had theirs.
};

// Makes what is missing, old, or of other keys. It may be ended at any moment, also by
// a crash: the next call goes on. Errors: Cancelled, `progress` said so; FailedPrecondition, there is nothing to seal
// with, a message cannot be made, or the campaign starts too late for it; ResourceExhausted, the disk is too small;
// Internal, a key cannot sign; others, the disk.
absl::StatusOr<SealTotals> SealCampaign(io::Disk& disk, const Sealing& sealing, base::Log& log);

// The signatures that were sealed for this campaign with these keys. Null: none; where some are of no use, `log` hears
// why.
std::unique_ptr<const delivery::SignatureFile> OpenSealed(io::Disk& disk, const StartedCampaign& started,
                                                          const std::vector<dkim::SigningKey>& keys, base::Log& log);
// For the line at the end of a run that had them.
std::string SealedText(const delivery::SignatureCounts& counts);

}  // namespace engine
