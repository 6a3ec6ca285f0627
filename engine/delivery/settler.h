// Writes down what became of a recipient: the one place that turns a verdict into a ledger record, the recipient's
// entry and its next due time.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/campaign/address.h"
#include "engine/campaign/suppression.h"
#include "engine/delivery/commit_queue.h"
#include "engine/delivery/job.h"
#include "engine/delivery/recipient_queue.h"
#include "engine/io/clock.h"
#include "engine/ledger/record.h"

namespace delivery {

class Settler {
 public:
  Settler(const Job& job, const io::Clock& clock, CommitQueue& commits, const PlantedBugs& bugs)
      : job_(job), clock_(clock), commits_(commits), bugs_(bugs), suppression_(job.suppression) {}

  // Who is on these lists gets nothing any more.
  void SetSuppression(std::shared_ptr<const campaign::SuppressionLists> lists) { suppression_ = std::move(lists); }

  // Begins an attempt of a claimed recipient: its record joins the batch of this turn. Returns the attempt's number.
  std::uint16_t BeginAttempt(ledger::RecipientId id, std::uint64_t session);

  // Settles a claimed recipient and releases it. `outcome` says kind, reply and where; number, time and due are filled
  // in here:
  //   kDeferred  comes back by the retry plan, not later than its age allows; expired at once when its age is over
  //   kHeld      comes back at `outcome.due`, and no attempt is counted
  //   kInDoubt   final, or due again at once where the campaign says "resend"
  // `attempted`: BeginAttempt was called for it.
  void Settle(RecipientQueue& queue, ledger::RecipientId id, ledger::Outcome outcome, bool attempted);

  // Whether the recipient may no longer be tried: older than max_age, or the campaign's end has come.
  bool IsExpired(ledger::RecipientId id) const;
  // Neither expired nor on a suppression list.
  bool IsWanted(ledger::RecipientId id) { return !IsExpired(id) && !IsSuppressed(id); }
  // Settles a claimed recipient as expired.
  void Expire(RecipientQueue& queue, ledger::RecipientId id);
  // Settles a claimed recipient as withdrawn, where it is on a suppression list. False: it is not.
  bool WithdrawSuppressed(RecipientQueue& queue, ledger::RecipientId id);
  // Settles a claimed recipient that must not be tried, as expired or withdrawn. False: it may be tried.
  bool SettleUntried(RecipientQueue& queue, ledger::RecipientId id);

  std::uint32_t now_s() const { return static_cast<std::uint32_t>(clock_.WallNow().seconds()); }

 private:
  bool IsSuppressed(ledger::RecipientId id);
  void Write(const ledger::Outcome& outcome);
  base::WallTime DueAfter(ledger::RecipientId id, std::uint32_t attempts, std::string_view classification) const;
  base::WallTime EndOf(ledger::RecipientId id) const;  // When its age is over.

  const Job& job_;
  const io::Clock& clock_;
  CommitQueue& commits_;
  const PlantedBugs& bugs_;
  std::shared_ptr<const campaign::SuppressionLists> suppression_;  // Null: nobody is on any.
  campaign::Address address_;                                      // Memory for reading one.
};

}  // namespace delivery
