#include "engine/campaign/document.h"

#include <toml++/toml.h>

#include <algorithm>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "nlohmann/json.hpp"

namespace campaign {
namespace {

constexpr int kDepthMax = 32;

std::uint32_t LineOf(const toml::node& node) { return static_cast<std::uint32_t>(node.source().begin.line); }

std::string TimeText(const toml::date_time& time) {
  std::string text =
      absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d", int{time.date.year}, int{time.date.month}, int{time.date.day},
                      int{time.time.hour}, int{time.time.minute}, int{time.time.second});
  if (!time.offset.has_value()) return text;
  const int minutes = time.offset->minutes;
  return text + absl::StrFormat("%c%02d:%02d", minutes < 0 ? '-' : '+', std::abs(minutes) / 60, std::abs(minutes) % 60);
}

Node FromToml(const toml::node& from, int depth) {
  Node node;
  node.line = LineOf(from);
  if (depth > kDepthMax) return node;
  if (const auto* text = from.as_string()) {
    node.kind = Node::Kind::kText;
    node.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    node.kind = Node::Kind::kInteger;
    node.integer = integer->get();
  } else if (const auto* number = from.as_floating_point()) {
    node.kind = Node::Kind::kNumber;
    node.number = number->get();
  } else if (const auto* boolean = from.as_boolean()) {
    node.kind = Node::Kind::kBool;
    node.integer = boolean->get() ? 1 : 0;
  } else if (const auto* time = from.as_date_time()) {
    node.kind = Node::Kind::kTime;
    node.text = TimeText(time->get());
  } else if (const auto* list = from.as_array()) {
    node.kind = Node::Kind::kList;
    for (const toml::node& item : *list) node.items.push_back(FromToml(item, depth + 1));
  } else if (const auto* table = from.as_table()) {
    for (const auto& [key, value] : *table) {
      node.members.push_back({std::string(key.str()), FromToml(value, depth + 1)});
      if (node.members.back().value.line == 0)
        node.members.back().value.line = static_cast<std::uint32_t>(key.source().begin.line);
    }
    // toml++ keeps tables sorted; people read files from the top.
    std::stable_sort(node.members.begin(), node.members.end(),
                     [](const auto& a, const auto& b) { return a.value.line < b.value.line; });
  } else {
    node.kind = Node::Kind::kTime;  // A date or a time of day alone.
  }
  return node;
}

Node FromJson(const nlohmann::ordered_json& from, int depth) {
  Node node;
  if (depth > kDepthMax) return node;
  if (from.is_string()) {
    node.kind = Node::Kind::kText;
    node.text = from.get<std::string>();
  } else if (from.is_number_integer()) {
    node.kind = Node::Kind::kInteger;
    node.integer = from.get<std::int64_t>();
  } else if (from.is_number()) {
    node.kind = Node::Kind::kNumber;
    node.number = from.get<double>();
  } else if (from.is_boolean()) {
    node.kind = Node::Kind::kBool;
    node.integer = from.get<bool>() ? 1 : 0;
  } else if (from.is_array()) {
    node.kind = Node::Kind::kList;
    for (const auto& item : from) node.items.push_back(FromJson(item, depth + 1));
  } else {
    for (const auto& [key, value] : from.items()) node.members.push_back({key, FromJson(value, depth + 1)});
  }
  return node;
}

}  // namespace

absl::StatusOr<Node> ParseToml(std::string_view text, const std::string& path) {
  try {
    return FromToml(toml::parse(text, path), 0);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:%d: not valid TOML: %s", path, error.source().begin.line, error.description()));
  }
}

absl::StatusOr<Node> ParseJson(std::string_view text, const std::string& path) {
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    if (!json.is_object()) return absl::InvalidArgumentError(path + ":1: a JSON object belongs here");
    return FromJson(json, 0);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t end = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    return absl::InvalidArgumentError(absl::StrFormat("%s:%d: not valid JSON", path, line));
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: not valid JSON: %s", path, error.what()));
  }
}

// ---- mistakes ----

void Mistakes::AddLine(std::string_view whole_line) {
  if (!text_.empty()) text_ += "\n";
  text_ += whole_line;
}

void Mistakes::Add(std::uint32_t line, std::string_view what) {
  AddLine(line == 0 ? absl::StrFormat("%s: %s", path_, what) : absl::StrFormat("%s:%d: %s", path_, line, what));
}

absl::Status Mistakes::ToStatus() const { return text_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(text_); }

// ---- sections ----

std::string Section::PathOf(std::string_view key) const {
  if (name_.empty() || key.empty()) return name_ + std::string(key);
  return absl::StrFormat("%s.%s", name_, key);
}

void Section::Mistake(std::uint32_t line, std::string_view key, std::string_view what) {
  mistakes_.Add(line, absl::StrFormat("%s: %s", PathOf(key), what));
}

const std::vector<Member>& Section::members() const {
  static const std::vector<Member> kNone;
  return node_ == nullptr ? kNone : node_->members;
}

const Node* Section::Find(std::string_view key) {
  known_.emplace_back(key);
  for (const auto& [name, value] : members()) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Node* Section::Any(std::string_view key) { return Find(key); }

const Node* Section::Get(std::string_view key, Node::Kind kind, std::string_view what) {
  const Node* node = Find(key);
  if (node == nullptr || node->kind == kind) return node;
  Mistake(node->line, key, absl::StrFormat("%s belongs here", what));
  return nullptr;
}

Section Section::Table(std::string_view key) {
  return Section(Get(key, Node::Kind::kTable, "a table"), PathOf(key), mistakes_);
}

std::vector<std::string> Section::Texts(std::string_view key) {
  std::vector<std::string> texts;
  const Node* list = List(key);
  if (list == nullptr) return texts;
  for (const Node& item : list->items) {
    if (item.kind == Node::Kind::kText) {
      texts.push_back(item.text);
    } else {
      Mistake(item.line, key, "a list of texts belongs here");
    }
  }
  return texts;
}

std::optional<std::size_t> Section::Choice(std::string_view key, const std::vector<std::string_view>& words) {
  const Node* node = Text(key);
  if (node == nullptr) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == node->text) return i;
  }
  std::string all;
  for (const std::string_view word : words) all += absl::StrFormat("%s\"%s\"", all.empty() ? "" : " or ", word);
  Mistake(node->line, key, absl::StrFormat("\"%s\" is not known; write %s", node->text, all));
  return std::nullopt;
}

void Section::Finish() {
  for (const auto& [name, value] : members()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string_view nearest = base::Nearest(name, known_);
    Mistake(value.line, name,
            nearest.empty() ? "unknown key" : absl::StrFormat("unknown key; did you mean \"%s\"?", nearest));
  }
}

}  // namespace campaign
