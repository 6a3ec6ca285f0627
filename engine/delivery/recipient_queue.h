// The recipients of one destination that are still pending: says who may be tried next, and when somebody may. It holds
// no list of them: it scans their entries in the state table, block by block, so that memory does not grow with their
// number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>

#include "absl/container/inlined_vector.h"
#include "engine/delivery/sample.h"
#include "engine/delivery/tally.h"
#include "engine/ledger/state.h"

namespace delivery {

// Of sources with these weights (none is 0, and there is one at least), the place of the one whose share a recipient is
// in: chosen by stable hash.
std::size_t OwnSource(ledger::RecipientId id, const std::vector<std::uint32_t>& weights);

// Which recipients are meant: a range of the roster, and of that a share by stable hash (those that keep to one
// source).
struct RecipientShare {
  ledger::RecipientId first = 0;
  std::uint64_t count = 0;
  std::uint32_t weight_begin = 0;  // Those whose hash modulo weight_total lies in [weight_begin, weight_end).
  std::uint32_t weight_end = 1;
  std::uint32_t weight_total = 1;
  std::uint64_t sample_below = kWholeSample;  // And of these, the ones in the sample (delivery/sample.h).
  // And of these, those that keep to this source instead of their own (RecipientEntry::via); more than there are
  // sources means their own, too: the pool has become smaller.
  std::uint16_t via = 0;
  std::uint16_t sources = UINT16_MAX;

  bool Contains(ledger::RecipientId id) const;
  bool HasAny() const;  // Looks at the recipients until it finds one.
};

class RecipientQueue {
 public:
  static constexpr std::uint32_t kNever = UINT32_MAX;  // As a due time.

  // Reads the entries of the share once. `table` outlives the queue, and nobody else writes the entries of the share
  // meanwhile.
  RecipientQueue(ledger::StateTable& table, const RecipientShare& share);

  // A pending recipient that is due at `now_s` (Unix seconds) and not claimed; it is claimed until Release. Recipients
  // that were never tried are due at 0.
  std::optional<ledger::RecipientId> Claim(std::uint32_t now_s);
  // As Claim, one that nobody has tried.
  std::optional<ledger::RecipientId> ClaimUntried(std::uint32_t now_s);
  // Any pending recipient that is not claimed, due or not: for what befalls them all. Claimed until Release.
  std::optional<ledger::RecipientId> ClaimAny();
  // The claimed recipient is as it was before it was claimed, and first in line.
  void Unclaim(ledger::RecipientId id);
  // The claimed recipient, which nobody has tried, goes by another source from now on: it is in that one's queue, as
  // soon as Adopt was called there or the queue is made.
  void SendBy(std::uint16_t via, ledger::RecipientId id);
  void Adopt(ledger::RecipientId id);
  // By which sources those of the share went that were pending when the queue was made, where it is not this one.
  const std::set<std::uint16_t>& elsewhere() const { return elsewhere_; }
  // The claimed recipient is final, or comes back at `due_s`. The caller has written its entry.
  void ReleaseFinal(ledger::RecipientId id);
  void ReleaseUntil(ledger::RecipientId id, std::uint32_t due_s);

  // Whether each that is pending and not claimed has this flag of its entry; false: there is none.
  bool AllPendingHave(std::uint8_t flag) const;
  // Takes the flag from each that is pending. Looks at all entries.
  void ClearFlag(std::uint8_t flag);

  std::uint64_t pending() const { return pending_; }  // Claimed ones included.
  std::uint64_t claimed() const { return claimed_; }
  PendingCounts counts() const;
  bool IsFinished() const { return pending_ == 0; }
  // When somebody may be claimed; may be early, never late; kNever: nobody that is not claimed.
  // A time that is not after `enough` will do, where there are several.
  std::uint32_t NextDue(std::uint32_t enough = 0) const;

 private:
  static constexpr std::uint64_t kBlock = 1024;
  bool IsOpen(ledger::RecipientId id) const;  // Pending, of the share and not claimed.
  std::uint16_t ViaOf(ledger::RecipientId id) const;
  std::optional<ledger::RecipientId> ClaimOf(std::uint32_t now_s, bool only_untried);
  void MeasureBlock(std::uint64_t block);
  std::uint64_t& CountOf(ledger::RecipientId id);

  ledger::StateTable& table_;
  const RecipientShare share_;
  std::uint64_t pending_ = 0;
  std::uint64_t claimed_ = 0;
  PendingCounts open_;                               // Of those that are not claimed.
  absl::InlinedVector<std::uint32_t, 1> block_due_;  // At or before the earliest due of the block's open recipients.
  std::uint64_t scan_ = 0;                           // Where the next scan goes on: an offset in the share.
  std::set<std::uint16_t> elsewhere_;
};

}  // namespace delivery
