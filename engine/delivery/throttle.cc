#include "engine/delivery/throttle.h"

#include <algorithm>
#include <cmath>

namespace delivery {

Throttle::Table Throttle::Now(base::Instant now) const {
  Table table = held_;
  if (!is_known_) return table;
  const double seconds = static_cast<double>((now - looked_).nanoseconds()) / 1e9;
  const double left = std::exp2(-seconds / kHalfLifeSeconds);
  for (Held& held : table) held.seconds *= left;
  auto entry = std::find_if(table.begin(), table.end(), [this](const Held& held) { return held.limit == now_holds_; });
  if (entry == table.end() && table.size() < kHeldMax) entry = table.insert(entry, Held());
  if (entry == table.end())  // The one that matters least gives way.
    entry = std::min_element(table.begin() + 1, table.end(),
                             [](const Held& a, const Held& b) { return a.seconds < b.seconds; });
  entry->limit = now_holds_;
  entry->seconds += seconds;
  return table;
}

// Where nothing has taken any time yet, it is what holds it now.
std::string_view Throttle::LongestOf(const Table& table) const {
  const bool is_new = std::all_of(table.begin(), table.end(), [](const Held& held) { return held.seconds <= 0; });
  if (is_new) return now_holds_;
  return std::max_element(table.begin(), table.end(),
                          [](const Held& a, const Held& b) { return a.seconds < b.seconds; })
      ->limit;
}

void Throttle::End(base::Instant now, bool has_work) {
  held_ = has_work ? Now(now) : Table{Held()};
  now_holds_ = noted_;
  looked_ = now;
  is_known_ = has_work;
  const std::string_view longest = LongestOf(held_);
  if (longest != longest_) since_ = now;
  longest_ = longest;
}

std::string_view Throttle::Limit(base::Instant now) const { return LongestOf(Now(now)); }

}  // namespace delivery
