#include "engine/delivery/sweeper.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace delivery {

Sweeper::~Sweeper() {
  while (!sweeping_.empty()) sweeping_.PopFront();
}

void Sweeper::Start(Destination& destination, Sweep sweep) {
  destination.sweep = std::make_unique<Sweep>(std::move(sweep));
  if (!destination.sweeping) sweeping_.PushBack(destination);
  destination.sweeping = true;
}

void Sweeper::Cancel(Destination& destination) {
  if (destination.sweeping) sweeping_.Remove(destination);
  destination.sweeping = false;
  destination.sweep.reset();
}

bool Sweeper::WantsTurn() const { return !sweeping_.empty() && commits_.batches_on_their_way() < kBatchesAhead; }

bool Sweeper::SweepOne(Destination& destination) {
  const Sweep& sweep = *destination.sweep;
  const std::optional<ledger::RecipientId> id =
      sweep.only_due ? destination.queue.Claim(settler_.now_s()) : destination.queue.ClaimAny();
  if (!id.has_value()) return false;
  if (sweep.kind == ledger::OutcomeKind::kExpired) {
    settler_.Expire(destination.queue, *id);
    return true;
  }
  if (settler_.WithdrawSuppressed(destination.queue, *id)) return true;
  ledger::Outcome outcome;
  outcome.kind = sweep.kind;
  outcome.classification = sweep.classification;
  outcome.reply_text = sweep.text;
  outcome.command = sweep.command;
  outcome.site = sweep.site;
  outcome.provider = sweep.provider;
  outcome.source = sweep.source;
  std::copy(std::begin(sweep.enhanced), std::end(sweep.enhanced), std::begin(outcome.enhanced));
  settler_.Settle(destination.queue, *id, outcome, /*attempted=*/false);
  return true;
}

void Sweeper::Run() {
  int budget = kSlice;
  while (budget > 0 && WantsTurn()) {
    Destination& destination = sweeping_.front();
    while (budget > 0 && SweepOne(destination)) --budget;
    if (budget == 0) return;
    Cancel(destination);
    on_swept_(destination);
  }
}

}  // namespace delivery
