// Spreads queries over time: an even rate, with a burst of a tenth of a second's worth after a rest. It does not queue,
// and it reads no clock.
#pragma once

#include <cstdint>

#include "engine/base/time.h"

namespace dns {

class QueryGate {
 public:
  // Requires: `per_second` > 0.
  QueryGate(std::uint32_t per_second, base::Instant now);

  // When the next query may pass.
  base::Instant OpensAt() const { return due_ - tolerance_; }
  // Passes one, or says no and changes nothing. Requires: `now` never goes backwards.
  [[nodiscard]] bool TryPass(base::Instant now);

 private:
  const base::Duration interval_;
  const base::Duration tolerance_;  // How far ahead of the even rate a burst may be.
  base::Instant due_;               // When the next query would be due at the even rate.
};

}  // namespace dns
