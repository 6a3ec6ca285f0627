// A row's data as the template sees it: text, lists and objects, as in JSON. It borrows all bytes; the maker keeps them
// alive.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"

namespace message {

struct Member;

struct Value {
  enum class Kind : std::uint8_t {
    kNull,   // JSON null: falsy, renders as nothing
    kFalse,  // JSON false: falsy, renders as "false"
    kText,   // a column, a JSON string, number or true (as written); the empty text is falsy in sections
    kList,
    kObject,
  };
  Kind kind = Kind::kNull;
  std::string_view text;             // kText
  absl::Span<const Value> items;     // kList
  absl::Span<const Member> members;  // kObject; the first of equal names counts

  static Value Text(std::string_view text) { return {Kind::kText, text, {}, {}}; }
};

struct Member {
  std::string_view name;
  Value value;
};

}  // namespace message
