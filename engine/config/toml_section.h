// Reading a table of a TOML file key by key, so that all mistakes are found together, each with its place and a way
// out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "absl/status/status.h"

namespace config {

// What is wrong with one file.
class Problems {
 public:
  explicit Problems(std::string_view path) : path_(path) {}
  void Add(const toml::node& where, std::string text) { Add(where.source().begin.line, std::move(text)); }
  void Add(std::uint32_t line, std::string text) { found_.emplace_back(line, std::move(text)); }
  // "PATH:LINE"
  std::string Place(const toml::node& where) const;
  // One line for each, in the order of the file; nothing is found: "".
  std::string ToString() const;
  bool empty() const { return found_.empty(); }

 private:
  const std::string path_;
  std::vector<std::pair<std::uint32_t, std::string>> found_;
};

// The file's root table. Nullopt: it is not TOML, and `problems` says where.
std::optional<toml::table> ParseToml(std::string_view text, std::string_view path, Problems& problems);

// The whole file. Errors: it cannot be read, and why.
absl::Status ReadFile(const std::string& path, std::string& text);

// "number", "text", …: what a value is, for people.
std::string_view KindOf(const toml::node& node);

class Section {
 public:
  // `name` as it is written in the file, without brackets: "dns"; "" is the root. All outlive the section.
  Section(const toml::table& table, std::string_view name, Problems& problems)
      : table_(table), name_(name), problems_(problems) {}

  // Each makes the key a known one. Nullopt: absent; or of the wrong type or out of range, which is a problem then.
  std::optional<std::string> Text(std::string_view key);
  std::optional<bool> Bool(std::string_view key);
  std::optional<std::int64_t> Integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::optional<std::vector<std::string>> Texts(std::string_view key);  // Each non-empty.
  const toml::table* Table(std::string_view key);                       // Null for nullopt.
  // A key of later versions: using it is a problem.
  void Refuse(std::string_view key);
  // Every key that was not asked for is a problem.
  void Finish();

  const toml::node* Find(std::string_view key);  // Null: absent.
  void Wrong(const toml::node& where, std::string_view key, std::string_view what_is_wrong);
  std::string Label(std::string_view key) const;  // "dns.servers"

 private:
  const toml::table& table_;
  const std::string name_;
  Problems& problems_;
  std::vector<std::string_view> known_;
};

}  // namespace config
