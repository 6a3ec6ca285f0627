#include "tests/sim/residual_risk.h"

#include <optional>
#include <variant>

#include "engine/ledger/reader.h"
#include "tests/sim/engine_process.h"

namespace sim {

std::map<ledger::RecipientId, std::uint64_t> ResidualRisks(io::Disk& disk, const std::string& ledger_folder) {
  std::map<ledger::RecipientId, std::uint64_t> risks;
  ledger::Reader reader(disk, {.directory = ledger_folder, .campaign_hash = kCampaignHash});
  while (true) {
    const absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok() || !next->has_value()) return risks;  // Damage is found elsewhere.
    const auto* const outcome = std::get_if<ledger::Outcome>(&(*next)->record);
    if (outcome != nullptr && outcome->kind == ledger::OutcomeKind::kDeferred && outcome->reply_code == 0 &&
        outcome->command == "MAIL" && outcome->classification == "BadConnection")
      ++risks[outcome->recipient];
  }
}

}  // namespace sim
