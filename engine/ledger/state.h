// What is true of each recipient, and of the campaign, by the records so far. The one place that says what a record
// does.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "engine/base/check.h"
#include "engine/ledger/record.h"

namespace ledger {

// Flags of an entry. kOpen is the ledger's; the others belong to a run's own table and are never durable.
inline constexpr std::uint8_t kAttemptOpen = 1;    // An attempt was written, and no outcome yet.
inline constexpr std::uint8_t kEverInDoubt = 2;    // It was in doubt once, and resent.
inline constexpr std::uint8_t kClaimed = 4;        // A run is at work on it.
inline constexpr std::uint8_t kHeldByBreaker = 8;  // A run has held it once because of the breaker.
inline constexpr std::uint8_t kHeld = 16;          // Its last attempt ended held.
inline constexpr std::uint8_t kNoDomain = 32;      // The DNS said last that no mail can go to its domain.

// One recipient, 16 bytes, little-endian as in the checkpoint.
struct RecipientEntry {
  std::uint32_t due_s = 0;            // Unix seconds; pending: not before.
  std::uint32_t first_attempt_s = 0;  // Unix seconds; 0: never tried.
  std::uint16_t attempts = 0;         // That count.
  State state = State::kUnattempted;
  std::uint8_t flags = 0;
  // The source that it keeps to, where it is not its own; 0: its own. In the ledger a number for the campaign's life,
  // in a run's own table its place in the pool, from 1 (delivery/kept_sources.h).
  std::uint16_t via = 0;
  std::uint16_t reserved = 0;
};
static_assert(sizeof(RecipientEntry) == 16);

// The entries of all recipients, over memory of the caller (a mapped file): 16 bytes for each. Different entries may be
// used by different threads.
class StateTable {
 public:
  StateTable(char* memory, std::uint64_t recipients)
      : entries_(reinterpret_cast<RecipientEntry*>(memory)), size_(recipients) {}
  RecipientEntry& operator[](RecipientId id) {
    CHECK(id < size_);
    return entries_[id];
  }
  const RecipientEntry& operator[](RecipientId id) const {
    CHECK(id < size_);
    return entries_[id];
  }
  std::uint64_t size() const { return size_; }
  static std::uint64_t Bytes(std::uint64_t recipients) { return recipients * sizeof(RecipientEntry); }

  void Apply(const Attempt& record);
  void Apply(const Outcome& record);

 private:
  RecipientEntry* entries_;
  std::uint64_t size_;
};

struct SuspensionKey {
  std::string site, source;
  std::string scope = {};  // As in SiteState.
  friend auto operator<=>(const SuspensionKey&, const SuspensionKey&) = default;
};

struct SuspensionState {
  base::WallTime until;
  std::string reason, sample;
  base::WallTime since;  // It lasts without an end between. The epoch: an older program's checkpoint did not say.
};

struct PauseState {
  std::string by, reason, sample;
  base::WallTime since;
};

// Everything else that a checkpoint keeps.
struct CampaignFacts {
  CampaignStateKind kind = CampaignStateKind::kPrepared;  // kPaused: the whole of it. kCancelled stays.
  base::WallTime since;
  std::map<std::string, PauseState> pauses;  // By scope, "campaign" or a part of it; until kResumed.
  base::WallTime started_at;                 // The first kRunning; the epoch: never.
  std::uint64_t runs = 0;                    // Times that kRunning was written.
  bool resolver_trusted = false;             // It was resumed though most domains did not exist.
  std::map<SuspensionKey, SuspensionState> suspensions;

  void Apply(const CampaignState& record);
  void Apply(const SiteState& record);
};

}  // namespace ledger
