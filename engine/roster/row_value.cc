#include "engine/roster/row_value.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/roster/layout.h"
#include "simdjson.h"

namespace roster {

using message::Member;
using message::Value;

namespace {
constexpr int kDepthMax = 32;
}

// Keeps the parser, and the nested values of the row at hand.
struct RowValue::JsonParser {
  simdjson::dom::parser parser;
  std::string padded;
  std::deque<std::vector<Value>> lists;
  std::deque<std::vector<Member>> objects;
  std::deque<std::string> numbers;

  bool Convert(const simdjson::dom::element& element, int depth, Value& out);
  bool ConvertObject(const simdjson::dom::object& object, int depth, std::vector<Member>& members);
};

bool RowValue::JsonParser::ConvertObject(const simdjson::dom::object& object, int depth, std::vector<Member>& members) {
  for (const auto& field : object) {
    Member member{field.key, {}};
    if (!Convert(field.value, depth + 1, member.value)) return false;
    members.push_back(member);
  }
  return true;
}

bool RowValue::JsonParser::Convert(const simdjson::dom::element& element, int depth, Value& out) {
  if (depth > kDepthMax) return false;
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY: {
      lists.emplace_back();
      std::vector<Value>& items = lists.back();
      for (const simdjson::dom::element item : simdjson::dom::array(element)) {
        Value value;
        if (!Convert(item, depth + 1, value)) return false;
        items.push_back(value);
      }
      out.kind = Value::Kind::kList;
      out.items = items;
      return true;
    }
    case simdjson::dom::element_type::OBJECT: {
      objects.emplace_back();
      std::vector<Member>& members = objects.back();
      if (!ConvertObject(simdjson::dom::object(element), depth, members)) return false;
      out.kind = Value::Kind::kObject;
      out.members = members;
      return true;
    }
    case simdjson::dom::element_type::STRING:
      out = Value::Text(std::string_view(element));
      return true;
    case simdjson::dom::element_type::BOOL:
      if (bool(element)) {
        out = Value::Text("true");
      } else {
        out.kind = Value::Kind::kFalse;
      }
      return true;
    case simdjson::dom::element_type::NULL_VALUE:
      return true;
    case simdjson::dom::element_type::INT64:
    case simdjson::dom::element_type::UINT64:
    case simdjson::dom::element_type::DOUBLE:
      numbers.push_back(simdjson::minify(element));
      out = Value::Text(numbers.back());
      return true;
  }
  return false;
}

RowValue::RowValue(const std::vector<std::string>& columns, const Defaults& defaults)
    : columns_(columns), defaults_(defaults), json_(std::make_unique<JsonParser>()) {}

RowValue::~RowValue() = default;

void RowValue::ApplyDefaults() {
  for (const auto& [name, text] : defaults_) {
    const auto member =
        std::find_if(members_.begin(), members_.end(), [&name = name](const Member& m) { return m.name == name; });
    if (member == members_.end()) {
      members_.push_back({name, Value::Text(text)});
    } else if (member->value.kind == Value::Kind::kNull ||
               (member->value.kind == Value::Kind::kText && base::TrimAscii(member->value.text).empty())) {
      member->value = Value::Text(text);
    }
  }
  value_.kind = Value::Kind::kObject;
  value_.members = members_;
}

void RowValue::SetColumns(absl::Span<const std::string_view> fields) {
  members_.clear();
  for (std::size_t i = 0; i < std::min(fields.size(), columns_.size()); ++i)
    members_.push_back({columns_[i], Value::Text(fields[i])});
  ApplyDefaults();
}

absl::Status RowValue::SetJson(std::string_view json) {
  members_.clear();
  value_ = {message::Value::Kind::kObject, {}, {}, {}};
  json_->lists.clear();
  json_->objects.clear();
  json_->numbers.clear();
  json_->padded.assign(json);
  json_->padded.append(simdjson::SIMDJSON_PADDING, '\0');
  simdjson::dom::element root;
  const auto error = json_->parser.parse(json_->padded.data(), json.size(), false).get(root);
  simdjson::dom::object object;
  if (error != simdjson::SUCCESS || root.get(object) != simdjson::SUCCESS)
    return absl::InvalidArgumentError("not a JSON object");
  if (!json_->ConvertObject(object, 0, members_))
    return absl::InvalidArgumentError(absl::StrFormat("nested deeper than %d", kDepthMax));
  ApplyDefaults();
  return absl::OkStatus();
}

absl::Status RowValue::SetPayload(bool is_json, std::string_view payload) {
  if (is_json) return SetJson(payload);
  fields_.clear();
  FieldReader in(payload);
  while (!in.AtEnd() && in.ok()) fields_.push_back(in.Text());
  if (!in.ok()) return absl::DataLossError("a row of the prepared campaign is damaged");
  SetColumns(fields_);
  return absl::OkStatus();
}

std::string_view RowValue::Text(std::string_view name) const {
  for (const Member& member : members_) {
    if (member.name == name) return member.value.kind == Value::Kind::kText ? member.value.text : std::string_view();
  }
  return {};
}

}  // namespace roster
