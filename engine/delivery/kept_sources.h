// Which source each recipient of a campaign keeps to, though pools differ from run to run. The ledger names a source by
// a number that stays with its name as long as the campaign lives; a run by its place in the pool as it is now. Whoever
// was tried keeps the source of the last attempt while the pool has it; the others are shared out anew. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/delivery/source.h"
#include "engine/ledger/state.h"

namespace delivery {

class KeptSources {
 public:
  // `text`: what Text said in an earlier run; "": there was none. Errors: DataLoss.
  static absl::StatusOr<KeptSources> Parse(std::string_view text);
  // To be durable before anybody is tried from this pool: the first pool, and the sources that came later.
  std::string Text() const;

  // This run's pool. Requires: it is not empty.
  void Use(const std::vector<Source>& pool);
  // The pool is the first one, and there was no other: the ledger and the run say the same of everybody.
  bool IsSame() const;
  // RecipientEntry::via as the run has it (0: its own in this pool), of one that is as the ledger says.
  std::uint16_t InRun(ledger::RecipientId id, const ledger::RecipientEntry& entry) const;
  // The other way: of one that is tried as the run has it (0: its own in the first pool).
  std::uint16_t InLedger(ledger::RecipientId id, std::uint16_t via) const;

 private:
  struct Member {
    std::string name;
    std::uint32_t weight = 0;                           // 0: it was not in the first pool.
    std::optional<std::uint16_t> place = std::nullopt;  // In this run's pool; none: it is not there.
  };

  std::vector<Member> members_;              // By their numbers, from 1.
  std::vector<std::uint32_t> first_, pool_;  // Weights: of the first pool, and of this run's.
  std::vector<std::uint16_t> numbers_;       // Of the sources of this run's pool.
};

}  // namespace delivery
