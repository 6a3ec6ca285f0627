// A walk over all that a shard has, some in each turn, so that a million holds up nobody.
#pragma once

#include <optional>

namespace engine {

// Visits entries of a map of pointers from `from` on, `left` at most, and counts them off; `from` is the next one then,
// and none after the last, where nobody is visited. Who is visited may leave the map, the others stay.
template <typename Map, typename Visit>
void VisitSome(const Map& all, std::optional<typename Map::key_type>& from, int& left, const Visit& visit) {
  if (!from.has_value()) return;
  auto next = all.lower_bound(*from);
  for (; left > 0 && next != all.end(); --left) {
    const auto& [key, value] = *next++;
    visit(key, *value);
  }
  from = next == all.end() ? std::nullopt : std::optional(next->first);
}

}  // namespace engine
