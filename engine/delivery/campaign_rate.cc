#include "engine/delivery/campaign_rate.h"

#include <algorithm>

namespace delivery {
namespace {

constexpr base::Duration kOpening = base::Duration::Seconds(1);
// A connection and a signature usually fit in. Tokens that are used late are what may come above the rate.
constexpr base::Duration kTokenLife = base::Duration::Seconds(10);

}  // namespace

bool CampaignLine::HasToken(Waiter& waiter) {
  if (rate_ == nullptr || waiter.token_until_ > clock_.Now()) return true;
  if (waiters_.empty() && Take(waiter)) return true;
  if (waiter.line_hook_.IsLinked()) return false;
  // Who has lost a token while a session was opened for it has the session by now, and does not wait so long again.
  if (waiter.token_until_.has_value()) {
    waiters_.PushFront(waiter);
  } else {
    waiters_.PushBack(waiter);
  }
  return false;
}

std::uint64_t CampaignLine::TokensSoon() const {
  return rate_ == nullptr ? UINT64_MAX : std::max<std::uint64_t>(1, rate_->Available(clock_.Now(), kOpening));
}

bool CampaignLine::Take(Waiter& waiter) {
  const base::Instant now = clock_.Now();
  if (const std::optional<base::Instant> at = rate_->WaitForToken(now)) {
    timers_.Set(timer_, *at);
    return false;
  }
  waiter.token_until_ = now + kTokenLife;
  return true;
}

void CampaignLine::Serve() {
  while (!waiters_.empty() && Take(waiters_.front())) waiters_.PopFront().OnMayBegin();
}

}  // namespace delivery
