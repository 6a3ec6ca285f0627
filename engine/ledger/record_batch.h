// Records on their way to the journal, in the order they were added. It copies the strings it is given. Reusable: Clear keeps memory.
#pragma once

#include <cstddef>

#include "engine/ledger/record.h"

namespace ledger {

class RecordBatch {
 public:
  void Add(const Attempt& record);
  void Add(const Outcome& record);
  void Add(const CampaignState& record);
  void Add(const SiteState& record);
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  void Clear();

 private:
  // The implementer fills this in.
  std::size_t count_ = 0;
};

}  // namespace ledger
