// The rows of a recipients file, one after the other: CSV and its kin, or NDJSON. Bounded memory; a row is at most 1
// MB.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/campaign/byte_source.h"

namespace campaign {

// One data record. The views are valid until the next row is read.
struct Row {
  std::uint64_t number = 0;                   // From 1; the header does not count.
  std::uint64_t line = 0;                     // Where it begins in the file, from 1.
  absl::Span<const std::string_view> fields;  // CSV: in the order of the columns.
  std::string_view json;                      // NDJSON: the object's text.
  std::string error;                          // Not empty: the row is invalid, and why.
};

enum class RowFormat : std::uint8_t { kCsv, kNdjson };

class RowReader {
 public:
  virtual ~RowReader() = default;
  // False at the end. Errors: what makes the whole file unreadable, "FILE:LINE: …" (not UTF-8, a quote that does not
  // end, a row too long).
  virtual absl::StatusOr<bool> Next(Row& row) = 0;
  // The names of the columns; empty for NDJSON.
  virtual const std::vector<std::string>& columns() const = 0;
  virtual RowFormat format() const = 0;
  virtual std::uint64_t bytes_consumed() const = 0;
};

// By the name: .csv, .tsv, .ndjson or .jsonl, each also with .gz or .zst; for "-" by the first byte. For CSV the header
// line is read: its separator is the one of , ; TAB that it has most of. Errors: the file cannot be read; a header that
// is missing, or has a column without a name, twice, or with the reserved name `sluice`.
absl::StatusOr<std::unique_ptr<RowReader>> OpenRows(const std::string& path);
absl::StatusOr<std::unique_ptr<RowReader>> MakeRowReader(std::unique_ptr<ByteSource> source, const std::string& name,
                                                         RowFormat format);

}  // namespace campaign
