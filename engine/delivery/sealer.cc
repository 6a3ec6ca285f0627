#include "engine/delivery/sealer.h"

#include <utility>

#include "engine/roster/roster.h"

namespace delivery {

Sealer::Sealer(const Job& job, const io::Clock& clock)
    : job_(job), clock_(clock), row_value_(job.roster->manifest().columns, job.roster->manifest().defaults) {}

absl::StatusOr<std::unique_ptr<Sealed>> Sealer::Seal(ledger::RecipientId recipient) {
  const roster::RecipientView view = job_.roster->Recipient(recipient);
  if (absl::Status status = row_value_.SetPayload(view.is_json, view.payload); !status.ok()) return status;
  std::unique_ptr<Sealed> sealed;
  if (pool_.empty()) {
    sealed = std::make_unique<Sealed>();
  } else {
    sealed = std::move(pool_.back());
    pool_.pop_back();
  }
  const std::string token = job_.token(view.row);
  message::RenderInput input;
  input.row = &row_value_.value();
  input.row_number = view.row;
  input.address = view.address;
  input.token = token;
  input.date = job_.date.value_or(clock_.WallNow());
  input.needs_smtputf8 = view.needs_smtputf8;
  sealed->recipient = view.address;
  if (absl::Status status = job_.message->Render(input, sealed->message); !status.ok()) {
    Recycle(std::move(sealed));
    return status;
  }
  return sealed;
}

void Sealer::Recycle(std::unique_ptr<Sealed> sealed) { pool_.push_back(std::move(sealed)); }

}  // namespace delivery
