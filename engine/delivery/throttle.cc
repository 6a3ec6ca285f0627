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
  auto entry = std::find_if(table.begin(), table.end(), [this](const Held& held) {
    return held.limit == now_holds_ && (held.seconds > 0 || now_holds_.empty());
  });
  if (entry == table.end())  // The one that matters least gives way.
    entry = std::min_element(table.begin() + 1, table.end(),
                             [](const Held& a, const Held& b) { return a.seconds < b.seconds; });
  entry->limit = now_holds_;
  entry->seconds += seconds;
  return table;
}

std::string_view Throttle::Longest(const Table& table) {
  return std::max_element(table.begin(), table.end(),
                          [](const Held& a, const Held& b) { return a.seconds < b.seconds; })
      ->limit;
}

void Throttle::End(base::Instant now, bool has_work) {
  held_ = has_work ? Now(now) : Table{};
  now_holds_ = noted_;
  looked_ = now;
  is_known_ = has_work;
  const std::string_view longest = Limit(now);
  if (longest != longest_) since_ = now;
  longest_ = longest;
}

std::string_view Throttle::Limit(base::Instant now) const {
  const Table table = Now(now);
  const bool is_new = std::all_of(table.begin(), table.end(), [](const Held& held) { return held.seconds <= 0; });
  return is_new ? now_holds_ : Longest(table);
}

}  // namespace delivery
