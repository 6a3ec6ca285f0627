#include "engine/campaign/retry_reader.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace campaign {
namespace {

std::optional<base::Duration> ReadWait(Section& section, std::string_view key, const Node& node) {
  const absl::StatusOr<base::Duration> wait =
      base::ParseRetryWait(node.kind == Node::Kind::kText ? std::string_view(node.text) : std::string_view());
  if (wait.ok()) return *wait;
  section.Mistake(node.line, key, std::string(wait.status().message()));
  return std::nullopt;
}

// Either form.
std::vector<base::Duration> ReadWaits(Section& section) {
  std::vector<base::Duration> waits;
  const Node* const intervals = section.List("intervals");
  if (intervals != nullptr && intervals->items.empty())
    section.Mistake(intervals->line, "intervals", "is empty; give at least one, as [\"20m\", \"1h\"]");
  for (std::size_t i = 0; intervals != nullptr && i < intervals->items.size(); ++i) {
    const auto wait = ReadWait(section, "intervals", intervals->items[i]);
    if (wait.has_value()) waits.push_back(*wait);
  }
  std::optional<base::Duration> first, longest;
  if (const Node* const node = section.Text("retry_interval")) first = ReadWait(section, "retry_interval", *node);
  const Node* const last = section.Text("max_retry_interval");
  if (last != nullptr) longest = ReadWait(section, "max_retry_interval", *last);
  if (!first.has_value() && !longest.has_value()) return waits;
  if (intervals != nullptr) {
    section.Mistake(intervals->line, "intervals",
                    "excludes retry_interval and max_retry_interval; use one of the two forms");
    return waits;
  }
  absl::StatusOr<std::vector<base::Duration>> doubling = base::DoublingWaits(first, longest);
  if (doubling.ok()) return *std::move(doubling);
  section.Mistake(last->line, "max_retry_interval", std::string(doubling.status().message()));
  return waits;
}

}  // namespace

base::RetryIntervals ReadRetry(Section retry) {
  base::RetryIntervals read;
  read.all = ReadWaits(retry);
  Section classes = retry.Table("class");
  for (const Member& member : classes.members()) {
    Section of_class = classes.Table(member.name);
    std::vector<base::Duration> waits = ReadWaits(of_class);
    of_class.Finish();
    if (!waits.empty()) read.by_class[member.name] = std::move(waits);
  }
  retry.Finish();
  return read;
}

}  // namespace campaign
