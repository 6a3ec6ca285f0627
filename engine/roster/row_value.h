// A recipient's row as the template sees it, with the campaign's defaults for what is absent, null or blank.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/message/value.h"

namespace roster {

// Made once and filled for one row after the other: a CSV row allocates nothing after the first. The value borrows from
// what it was filled from.
class RowValue {
 public:
  using Defaults = std::vector<std::pair<std::string, std::string>>;
  // Both outlive this object.
  RowValue(const std::vector<std::string>& columns, const Defaults& defaults);
  ~RowValue();
  RowValue(const RowValue&) = delete;
  RowValue& operator=(const RowValue&) = delete;

  // A CSV row, in the order of the columns.
  void SetColumns(absl::Span<const std::string_view> fields);
  // A JSON object. Errors: it is none, or nested deeper than 32.
  absl::Status SetJson(std::string_view json);
  // A recipient of the roster. Errors: as SetJson; DataLoss.
  absl::Status SetPayload(bool is_json, std::string_view payload);

  const message::Value& value() const { return value_; }
  // The text of a top-level member; empty: absent or no text.
  std::string_view Text(std::string_view name) const;

 private:
  struct JsonParser;
  void ApplyDefaults();

  const std::vector<std::string>& columns_;
  const Defaults& defaults_;
  std::vector<message::Member> members_;
  std::vector<std::string_view> fields_;
  std::unique_ptr<JsonParser> json_;
  message::Value value_;
};

}  // namespace roster
