// What keeps a site from doing more, lately. A site that may send ten messages a second is held by that rate nearly all
// the time, and by its one connection for the moment that a message takes: the limit that held it longest in the last
// seconds is the one that it is slow for. Names are string literals. Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "engine/base/time.h"

namespace delivery {

class Throttle {
 public:
  // The site looks what it can do; before End it says what holds it back, if anything does. The first counts.
  void Begin() { noted_ = {}; }
  void Note(std::string_view limit) {
    if (noted_.empty()) noted_ = limit;
  }
  // `has_work`: somebody is due, or in flight. Else what was is forgotten.
  void End(base::Instant now, bool has_work);

  // What held it longest lately; "": nothing. What holds it now counts until `now`.
  std::string_view Limit(base::Instant now) const;
  base::Instant since() const { return since_; }  // From when on it was this one, as of the last End.

 private:
  static constexpr double kHalfLifeSeconds = 1;
  struct Held {
    std::string_view limit;
    double seconds = 0;  // Those of long ago count less and less.
  };
  static constexpr std::size_t kHeldMax = 20;  // More than there are limits.
  using Table = absl::InlinedVector<Held, 4>;  // "" is the first.
  Table Now(base::Instant now) const;
  std::string_view LongestOf(const Table& table) const;

  Table held_ = {Held()};
  std::string_view now_holds_, noted_, longest_;
  base::Instant looked_, since_;
  bool is_known_ = false;  // There was an End with work.
};

}  // namespace delivery
