// Records on their way to the journal, in the order they were added. It copies the strings it is given. Reusable: Clear
// keeps memory.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/ledger/record.h"

namespace ledger {

class RecordBatch {
 public:
  void Add(const Attempt& record);
  void Add(const Outcome& record);
  void Add(const CampaignState& record);
  void Add(const SiteState& record);
  bool empty() const { return records_.empty(); }
  std::size_t count() const { return records_.size(); }
  const std::vector<Record>& records() const { return records_; }
  void Clear();

 private:
  static constexpr std::size_t kBlock = 16384;
  std::string_view Keep(std::string_view text);
  std::string_view KeepOnce(std::string_view text, std::size_t field);

  static constexpr std::size_t kOutcomeTexts = 13;
  std::vector<Record> records_;
  // Of the last outcome, by field: the next one mostly says the same, and shares its copy.
  std::array<std::string_view, kOutcomeTexts> last_;
  std::vector<std::unique_ptr<char[]>> blocks_;  // Each of kBlock bytes; longer texts have their own in large_.
  std::vector<std::unique_ptr<char[]>> large_;
  std::size_t block_ = 0;  // The one being filled.
  std::size_t used_ = 0;   // Of it.
};

}  // namespace ledger
