// Writes the files of a prepared campaign: takes recipients in any order, groups them by domain, and finds the
// duplicates.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "engine/io/disk.h"
#include "engine/roster/manifest.h"
#include "engine/roster/roster.h"
#include "engine/roster/sorter.h"

namespace roster {

struct NewRecipient {
  std::uint64_t row = 0, line = 0;
  std::string_view address;   // On the wire.
  std::string_view domain;    // A-labels, lower case.
  std::string_view identity;  // Two recipients of one domain with the same identity are duplicates.
  std::string_view key;
  bool needs_smtputf8 = false;
  bool is_json = false;
  std::string_view payload;
};

class Builder {
 public:
  Builder(io::Disk& disk, const std::string& directory, std::size_t arena_bytes);
  ~Builder();

  absl::Status Add(const NewRecipient& recipient);
  absl::Status AddReject(const Reject& reject);
  // Writes everything, the manifest last; its counts of recipients, duplicates and domains and its files are filled in
  // here. After an error nothing is prepared. `accept`: a last look at the counts before the manifest is written.
  absl::Status Finish(Manifest manifest, std::string_view template_snapshot,
                      absl::FunctionRef<absl::Status(const Manifest&)> accept);

 private:
  class Output;
  absl::Status Visit(const SortRecord& record);
  absl::Status EndDomain();
  absl::Status WriteDomains();

  io::Disk& disk_;
  const std::string directory_;
  Sorter sorter_;
  std::string scratch_;
  std::unique_ptr<Output> data_, index_, domains_, names_, rejects_;
  // Of the merge.
  std::string domain_;
  std::string identity_;
  std::uint64_t domain_first_ = 0, first_row_ = 0;
  std::uint64_t recipients_ = 0, domain_count_ = 0, duplicates_ = 0;
  bool any_ = false;
};

}  // namespace roster
