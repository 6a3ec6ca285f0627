// Who must not get mail: addresses, whole domains, and hashes of addresses. 16 bytes for each entry, whatever its
// length: entries are compared by two 64-bit hashes (two different addresses agree with a chance below 10^-20 in lists
// of 10 million).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace campaign {

class Suppression {
 public:
  // Adds the lines of a file: an address, @domain, or sha256:HEX of a folded address; blank lines and "#" comments do
  // not count. Errors: "FILE:LINE: …" for every line that is none of these, at most ten.
  absl::Status Add(std::string_view text, std::string_view file);
  // After the last Add, before the first Contains.
  void Seal();
  bool Contains(std::string_view folded_address, std::string_view domain) const;
  // Whether one of the entries is just this: a line as SuppressionLine makes it.
  bool Has(std::string_view line) const;
  bool empty() const { return entries_.empty() && digests_.empty(); }

 private:
  using Entry = std::pair<std::uint64_t, std::uint64_t>;
  static Entry EntryOf(std::string_view text);
  static Entry EntryOfDigest(std::string_view hex);
  std::vector<Entry> entries_;  // Of addresses, and of domains with their '@'.
  std::vector<Entry> digests_;  // The first 16 bytes of SHA-256.
};

// The lists of several files as one.
class SuppressionLists {
 public:
  void Add(std::shared_ptr<const Suppression> list) { lists_.push_back(std::move(list)); }
  bool Contains(std::string_view folded_address, std::string_view domain) const;

 private:
  std::vector<std::shared_ptr<const Suppression>> lists_;
};

// An entry as a line of a suppression file, the same for entries that mean the same. Errors: InvalidArgument, what is
// wrong with it.
absl::StatusOr<std::string> SuppressionLine(std::string_view text);

}  // namespace campaign
