#include "engine/config/retry_reader.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace config {
namespace {

std::optional<base::Duration> ReadWait(Section& section, const toml::node& where, std::string_view key,
                                       std::string_view text) {
  const absl::StatusOr<base::Duration> wait = base::ParseRetryWait(text);
  if (wait.ok()) return *wait;
  section.Wrong(where, key, std::string(wait.status().message()));
  return std::nullopt;
}

std::vector<base::Duration> ReadIntervals(Section& section, const toml::table& table) {
  std::vector<base::Duration> waits;
  const auto texts = section.Texts("intervals");
  if (!texts.has_value()) return waits;
  const toml::array& list = *table.get("intervals")->as_array();
  if (list.empty()) section.Wrong(list, "intervals", "is empty; give at least one, as [\"20m\", \"1h\"]");
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const auto wait = ReadWait(section, *list.get(i), "intervals", (*texts)[i]);
    if (wait.has_value()) waits.push_back(*wait);
  }
  return waits;
}

// Either form.
std::vector<base::Duration> ReadWaits(Section& section, const toml::table& table) {
  std::vector<base::Duration> waits = ReadIntervals(section, table);
  std::optional<base::Duration> first, longest;
  for (auto&& [key, place] : {std::pair<const char*, std::optional<base::Duration>*>{"retry_interval", &first},
                              {"max_retry_interval", &longest}}) {
    if (const auto text = section.Text(key)) *place = ReadWait(section, *table.get(key), key, *text);
  }
  if (!first.has_value() && !longest.has_value()) return waits;
  if (table.contains("intervals")) {
    section.Wrong(*table.get("intervals"), "intervals",
                  "excludes retry_interval and max_retry_interval; use one of the two forms");
    return waits;
  }
  absl::StatusOr<std::vector<base::Duration>> doubling = base::DoublingWaits(first, longest);
  if (doubling.ok()) return *std::move(doubling);
  section.Wrong(*table.get("max_retry_interval"), "max_retry_interval", std::string(doubling.status().message()));
  return waits;
}

}  // namespace

base::RetryIntervals ReadRetry(const toml::table& table, Problems& problems) {
  base::RetryIntervals retry;
  Section section(table, "retry", problems);
  retry.all = ReadWaits(section, table);
  if (const toml::table* const classes = section.Table("class")) {
    for (auto&& [name, node] : *classes) {
      const std::string label = absl::StrCat("retry.class.", std::string(name.str()));
      const toml::table* const entry = node.as_table();
      if (entry == nullptr) {
        problems.Add(node, absl::StrCat(label, " is not a table; write [", label, "] with intervals"));
        continue;
      }
      Section of_class(*entry, label, problems);
      std::vector<base::Duration> waits = ReadWaits(of_class, *entry);
      of_class.Finish();
      if (!waits.empty()) retry.by_class[std::string(name.str())] = std::move(waits);
    }
  }
  section.Finish();
  return retry;
}

}  // namespace config
