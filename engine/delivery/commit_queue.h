// A shard's end of the ledger: gathers the records of one loop turn into a batch, and says what has become durable.
// Whoever must not act before a record is durable waits here; what may be told only then is counted here.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/intrusive_list.h"
#include "engine/delivery/planted_bugs.h"
#include "engine/delivery/tally.h"
#include "engine/ledger/commit_log.h"

namespace delivery {

// What became durable, in numbers. Totals of the run, not of the campaign.
struct Counters {
  std::uint64_t delivered = 0, bounced = 0, expired = 0, withdrawn = 0, cancelled = 0, in_doubt = 0;
  std::uint64_t deferred = 0;  // Attempts that ended so.
  std::uint64_t held = 0;      // Attempts that do not count.
  std::uint64_t resent = 0;    // In doubt before, pending again.
  std::uint64_t bytes = 0;     // Of delivered messages.

  std::uint64_t finals() const { return delivered + bounced + expired + withdrawn + cancelled + in_doubt - resent; }
  void Add(const Counters& other);
};

// Waits for what it wrote; embedded in its owner. Waits for one thing at a time.
class DurableWaiter {
 public:
  virtual ~DurableWaiter() = default;
  virtual void OnRecordsDurable() = 0;

 private:
  friend class CommitQueue;
  base::ListHook hook_;
  std::uint64_t ticket_ = 0;
};

class CommitQueue {
 public:
  CommitQueue(ledger::CommitLog& log, std::uint32_t shard, const PlantedBugs& bugs);
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;
  ~CommitQueue();

  // The batch of this turn; add records to it.
  ledger::RecordBatch& batch() { return *batch_; }
  // Counts a record that is in the batch of this turn; in durable() once it is.
  void Count(const ledger::Outcome& outcome);
  // A recipient whose outcome is in the batch of this turn is to be learned; in TakeLearned() once it is durable.
  void Learn(ledger::RecipientId id) { learning_.push_back(id); }
  std::vector<ledger::RecipientId> TakeLearned() { return std::exchange(learned_, {}); }
  // `waiter` hears OnRecordsDurable once every record so far is durable. Requires: IsBusy.
  void Wait(DurableWaiter& waiter);
  void Cancel(DurableWaiter& waiter);  // A waiter that does not wait is ignored.
  // Ends the turn: hands the batch over. While others are still to be told, who will have something to write down, a
  // small one waits for them.
  void Flush();

  // What is durable counts from here on; who waited for it hears of it from Tell.
  void OnDurable(std::uint64_t ticket);
  // Tells the next few waiters whose records are durable. A commit releases a hundred messages: told all at once, they
  // would be encrypted into more buffers than the processor's near caches hold.
  void Tell();
  bool WantsTurn() const { return !waiters_.empty() && waiters_.front().ticket_ <= durable_ticket_; }  // Tell again.
  const Counters& durable() const { return durable_; }
  const std::vector<OutcomeGroup>& groups() const { return tally_.groups(); }  // Durable ones.
  // Records, or the batch of this turn, are on their way.
  bool IsBusy() const { return !batch_->empty() || !unsettled_.empty(); }
  std::size_t batches_on_their_way() const { return unsettled_.size(); }

 private:
  static constexpr int kToldAtOnce = 32;
  struct Unsettled {
    std::uint64_t ticket;
    Counters counters;
    std::vector<Tally::Entry> entries;
    std::vector<ledger::RecipientId> learning;
  };

  ledger::CommitLog& log_;
  const std::uint32_t shard_;
  const PlantedBugs& bugs_;
  std::unique_ptr<ledger::RecordBatch> batch_;
  std::uint64_t ticket_ = 1;                   // Of the batch of this turn.
  Counters counted_;                           // In the batch of this turn.
  std::vector<Tally::Entry> entries_;          // Likewise.
  Tally tally_;                                // Durable.
  std::vector<ledger::RecipientId> learning_;  // Likewise.
  std::deque<Unsettled> unsettled_;
  std::uint64_t durable_ticket_ = 0;  // Of the last batch that is durable.
  Counters durable_;
  std::vector<ledger::RecipientId> learned_;
  base::IntrusiveList<DurableWaiter, &DurableWaiter::hook_> waiters_;  // By ticket.
};

}  // namespace delivery
