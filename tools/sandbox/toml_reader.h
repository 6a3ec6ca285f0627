// Reads typed values out of a TOML table and collects what is wrong, each with its line. Knows nothing of what the keys
// mean.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/time.h"
#include "toml++/toml.h"
#include "tools/sandbox/units.h"

namespace sandbox {

class TomlReader {
 public:
  explicit TomlReader(std::string_view origin) : origin_(origin) {}

  // "ORIGIN:LINE: " and the message.
  void Fail(const toml::source_region& where, std::string_view message);
  void Fail(const toml::node& where, std::string_view message) { Fail(where.source(), message); }
  // Ok, or InvalidArgument with one line per mistake.
  absl::Status status() const;

  // Complains about every key of `table` that is not among `known`.
  void CheckKeys(const toml::table& table, std::initializer_list<std::string_view> known);
  // A key that is absent leaves `out` as it is.
  void Read(const toml::table& table, std::string_view key, std::string& out);
  void Read(const toml::table& table, std::string_view key, std::vector<std::string>& out);
  void Read(const toml::table& table, std::string_view key, base::Duration& out);
  void Read(const toml::table& table, std::string_view key, Share& out);
  void Read(const toml::table& table, std::string_view key, Rate& out);
  void ReadReply(const toml::table& table, std::string_view key, std::string& out);
  template <typename Integer>
  void ReadInteger(const toml::table& table, std::string_view key, std::int64_t min, std::int64_t max, Integer& out) {
    std::int64_t value = 0;
    if (ReadNumber(table, key, min, max, value)) out = static_cast<Integer>(value);
  }
  // Null when absent or (after a complaint) no table.
  const toml::table* Table(const toml::table& table, std::string_view key);

 private:
  bool ReadNumber(const toml::table& table, std::string_view key, std::int64_t min, std::int64_t max,
                  std::int64_t& out);
  const std::string* Text(const toml::node& node, std::string_view key);

  const std::string origin_;
  std::vector<std::string> errors_;
};

}  // namespace sandbox
