#include "engine/config/toml_section.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace config {

std::string Problems::Place(const toml::node& where) const {
  return absl::StrCat(path_, ":", where.source().begin.line);
}

std::string Problems::ToString() const {
  std::vector<std::pair<std::uint32_t, std::string>> sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [line, problem] : sorted) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", path_, ":", line, ": ", problem);
  }
  return text;
}

std::optional<toml::table> ParseToml(std::string_view text, std::string_view path, Problems& problems) {
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    std::string description(error.description());
    // The library's texts may quote the input: nothing but visible ASCII reaches a terminal.
    for (char& c : description) {
      if (c < ' ' || c > '~') c = '?';
    }
    problems.Add(error.source().begin.line, absl::StrCat("not TOML: ", description, "; correct the syntax"));
    return std::nullopt;
  }
}

absl::Status ReadFile(const std::string& path, std::string& text) {
  const auto failed = [&path] {
    return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  };
  errno = 0;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return failed();
  const absl::Cleanup close = [file] { std::fclose(file); };
  text.clear();
  std::array<char, 16'384> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file)) text.append(buffer.data(), size);
  return std::ferror(file) != 0 ? failed() : absl::OkStatus();
}

std::string_view KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
  return "something else";
}

std::string Section::Label(std::string_view key) const {
  return name_.empty() ? std::string(key) : absl::StrCat(name_, ".", base::AbslView(key));
}

const toml::node* Section::Find(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

void Section::Wrong(const toml::node& where, std::string_view key, std::string_view what_is_wrong) {
  problems_.Add(where, absl::StrCat(Label(key), " ", base::AbslView(what_is_wrong)));
}

std::optional<std::string> Section::Text(std::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* text = node->as_string(); text != nullptr && !text->get().empty()) return text->get();
  Wrong(*node, key,
        node->is_string() ? "is empty; give it a value or remove it"
                          : absl::StrCat("is ", base::AbslView(KindOf(*node)), "; it must be a text in quotes"));
  return std::nullopt;
}

std::optional<bool> Section::Bool(std::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_boolean()) return value->get();
  Wrong(*node, key, absl::StrCat("is ", base::AbslView(KindOf(*node)), "; it must be true or false"));
  return std::nullopt;
}

std::optional<std::int64_t> Section::Integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_integer();
  if (value != nullptr && value->get() >= min && value->get() <= max) return value->get();
  const std::string is = value != nullptr ? absl::StrCat(value->get()) : std::string(KindOf(*node));
  Wrong(*node, key, absl::StrCat("is ", is, "; it must be a whole number from ", min, " to ", max));
  return std::nullopt;
}

std::optional<std::vector<std::string>> Section::Texts(std::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    Wrong(*node, key, absl::StrCat("is ", base::AbslView(KindOf(*node)), "; it must be a list of texts"));
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const toml::node& element : *list) {
    const auto* text = element.as_string();
    if (text == nullptr || text->get().empty()) {
      Wrong(element, key, "has an element that is not a text, or empty; it must be a list of texts");
      return std::nullopt;
    }
    texts.push_back(text->get());
  }
  return texts;
}

const toml::table* Section::Table(std::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return nullptr;
  if (const toml::table* table = node->as_table()) return table;
  Wrong(*node, key, absl::StrCat("is ", base::AbslView(KindOf(*node)), "; it must be a table [", Label(key), "]"));
  return nullptr;
}

void Section::Refuse(std::string_view key) {
  if (const toml::node* node = Find(key)) Wrong(*node, key, "is not supported by this version; remove it");
}

void Section::Finish() {
  for (auto&& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string_view nearest = base::Nearest(name, known_);
    std::string text = absl::StrCat("unknown key ", Label(name), "; ");
    if (nearest.empty()) {
      absl::StrAppend(&text, "remove it");
    } else {
      absl::StrAppend(&text, "did you mean ", base::AbslView(nearest), "?");
    }
    problems_.Add(key.source().begin.line, std::move(text));
  }
}

}  // namespace config
