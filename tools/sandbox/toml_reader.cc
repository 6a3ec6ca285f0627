#include "tools/sandbox/toml_reader.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/text.h"

namespace sandbox {

void TomlReader::Fail(const toml::source_region& where, std::string_view message) {
  errors_.push_back(absl::StrCat(origin_, ":", where.begin.line, ": ", base::AbslView(message)));
}

absl::Status TomlReader::status() const {
  if (errors_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
}

void TomlReader::CheckKeys(const toml::table& table, std::initializer_list<std::string_view> known) {
  for (const auto& [key, node] : table) {
    bool is_known = false;
    for (const std::string_view name : known) is_known |= key.str() == name;
    if (is_known) continue;
    const std::string_view nearest = base::Nearest(key.str(), known);
    std::string message = absl::StrCat("unknown key \"", base::AbslView(key.str()), "\"");
    if (!nearest.empty()) absl::StrAppend(&message, "; did you mean \"", base::AbslView(nearest), "\"?");
    Fail(key.source(), message);
  }
}

const std::string* TomlReader::Text(const toml::node& node, std::string_view key) {
  if (const auto* text = node.as_string()) return &text->get();
  Fail(node, absl::StrCat(base::AbslView(key), " must be a text in quotes"));
  return nullptr;
}

void TomlReader::Read(const toml::table& table, std::string_view key, std::string& out) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return;
  if (const std::string* text = Text(*node, key)) out = *text;
}

void TomlReader::Read(const toml::table& table, std::string_view key, std::vector<std::string>& out) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return;
  const toml::array* array = node->as_array();
  if (array == nullptr) return Fail(*node, absl::StrCat(base::AbslView(key), " must be a list of texts in quotes"));
  out.clear();
  for (const toml::node& element : *array) {
    if (const std::string* text = Text(element, key)) out.push_back(*text);
  }
}

void TomlReader::Read(const toml::table& table, std::string_view key, base::Duration& out) {
  const toml::node* node = table.get(key);
  const std::string* text = node == nullptr ? nullptr : Text(*node, key);
  if (text == nullptr) return;
  const absl::StatusOr<base::Duration> duration = ParseDuration(*text);
  if (!duration.ok()) return Fail(*node, absl::StrCat(base::AbslView(key), ": ", duration.status().message()));
  out = *duration;
}

void TomlReader::Read(const toml::table& table, std::string_view key, Share& out) {
  const toml::node* node = table.get(key);
  const std::string* text = node == nullptr ? nullptr : Text(*node, key);
  if (text == nullptr) return;
  const absl::StatusOr<Share> share = Share::Parse(*text);
  if (!share.ok()) return Fail(*node, absl::StrCat(base::AbslView(key), ": ", share.status().message()));
  out = *share;
}

void TomlReader::Read(const toml::table& table, std::string_view key, Rate& out) {
  const toml::node* node = table.get(key);
  const std::string* text = node == nullptr ? nullptr : Text(*node, key);
  if (text == nullptr) return;
  const absl::StatusOr<Rate> rate = ParseRate(*text);
  if (!rate.ok()) return Fail(*node, absl::StrCat(base::AbslView(key), ": ", rate.status().message()));
  out = *rate;
}

void TomlReader::ReadReply(const toml::table& table, std::string_view key, std::string& out) {
  const toml::node* node = table.get(key);
  const std::string* text = node == nullptr ? nullptr : Text(*node, key);
  if (text == nullptr) return;
  const absl::Status status = CheckReply(*text);
  if (!status.ok()) return Fail(*node, absl::StrCat(base::AbslView(key), ": ", status.message()));
  out = *text;
}

bool TomlReader::ReadNumber(const toml::table& table, std::string_view key, std::int64_t min, std::int64_t max,
                            std::int64_t& out) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return false;
  const auto* number = node->as_integer();
  if (number == nullptr || number->get() < min || number->get() > max) {
    Fail(*node, absl::StrCat(base::AbslView(key), " must be a whole number from ", min, " to ", max));
    return false;
  }
  out = number->get();
  return true;
}

const toml::table* TomlReader::Table(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) Fail(*node, absl::StrCat(base::AbslView(key), " must be a table"));
  return node->as_table();
}

}  // namespace sandbox
