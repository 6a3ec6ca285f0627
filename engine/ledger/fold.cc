#include "engine/ledger/fold.h"

#include <optional>
#include <variant>

namespace ledger {
namespace {

struct Folder {
  StateTable& table;
  CampaignFacts& facts;
  void operator()(const Attempt& record) { table.Apply(record); }
  void operator()(const Outcome& record) { table.Apply(record); }
  void operator()(const CampaignState& record) { facts.Apply(record); }
  void operator()(const SiteState& record) { facts.Apply(record); }
};

}  // namespace

absl::Status Fold(Reader& reader, StateTable& table, CampaignFacts& facts) {
  Folder folder{table, facts};
  while (true) {
    absl::StatusOr<std::optional<ReadRecord>> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) return absl::OkStatus();
    std::visit(folder, (*next)->record);
  }
}

}  // namespace ledger
