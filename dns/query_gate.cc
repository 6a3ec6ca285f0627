#include "dns/query_gate.h"

#include <algorithm>

#include "engine/base/check.h"

namespace dns {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr base::Duration kBurst = base::Duration::Milliseconds(100);

}  // namespace

QueryGate::QueryGate(std::uint32_t per_second, base::Instant now)
    : interval_(base::Duration::Nanoseconds((kNanosecondsPerSecond + per_second - 1) / per_second)),
      tolerance_(kBurst),
      due_(now) {
  CHECK(per_second > 0);
}

bool QueryGate::TryPass(base::Instant now) {
  if (now < OpensAt()) return false;
  due_ = std::max(due_, now) + interval_;
  return true;
}

}  // namespace dns
