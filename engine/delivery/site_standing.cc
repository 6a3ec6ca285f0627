#include "engine/delivery/site_standing.h"

#include <algorithm>
#include <utility>

namespace delivery {
namespace {

constexpr base::Duration kSlow = base::Duration::Seconds(2);  // And this many times the fastest:
constexpr int kSlowTimes = 8;
constexpr int kSlowInARow = 10;
constexpr base::Duration kRemembered = base::Duration::Hours(1);  // What went wrong, where nothing is sent any more.

std::optional<base::Rate> Slower(const std::optional<base::Rate>& a, const std::optional<base::Rate>& b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() ? a : b;
  return base::IsSlower(*b, *a) ? b : a;
}

std::uint32_t WindowLimit(const SiteStanding::Options& options) {
  return std::min<std::uint32_t>(options.limits.connections, 1'000'000);
}

}  // namespace

SiteStanding::SiteStanding(std::uint32_t campaign, const Options& options, base::Instant now)
    : group_(options.limits, now),
      options_{{campaign, options}},
      adaptive_(options.adaptive),
      window_(WindowLimit(options)) {
  PassOn(now);
}

void SiteStanding::SetOptions(std::uint32_t campaign, const Options& options, base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (gone_.has_value()) options_.erase(*std::exchange(gone_, std::nullopt));
  options_[campaign] = options;
  Combine(now);
}

void SiteStanding::Forget(std::uint32_t campaign, base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (options_.size() == 1) {
    gone_ = campaign;
    return;
  }
  options_.erase(campaign);
  Combine(now);
}

void SiteStanding::Combine(base::Instant now) {
  Options all = options_.begin()->second;
  for (const auto& [campaign, options] : options_) {
    all.limits.connections = std::min(all.limits.connections, options.limits.connections);
    all.limits.connection_rate = Slower(all.limits.connection_rate, options.limits.connection_rate);
    all.limits.message_rate = Slower(all.limits.message_rate, options.limits.message_rate);
    all.adaptive = all.adaptive || options.adaptive;
  }
  group_.SetOptions(all.limits, now);
  adaptive_ = all.adaptive;
  window_.SetLimit(WindowLimit(all));
  PassOn(now);
}

void SiteStanding::PassOn(base::Instant now) {
  group_.SetWindow(adaptive_ ? window_.size() : LimitGroup::kNoLimit);
  group_.SetLearnedRate(adaptive_ ? rate_.rate() : std::nullopt, now);
}

void SiteStanding::Trouble(base::Instant began, base::Instant now) {
  window_.OnTrouble(/*fresh=*/began >= last_trouble_);
  last_trouble_ = now;
  slow_ = 0;
}

// A receiver that takes ever longer has too much to do, and does not say so.
void SiteStanding::OnAccepted(base::Instant now, base::Duration took) {
  const std::lock_guard lock(mutex_);
  suspension_.Forgive();
  if (!adaptive_) return;
  const std::uint32_t before = window_.size();
  if (fastest_ == base::Duration() || took < fastest_) fastest_ = std::max(took, base::Duration::Microseconds(1));
  slow_ = took > kSlow && took > fastest_ * kSlowTimes ? slow_ + 1 : 0;
  if (slow_ >= kSlowInARow) {
    Trouble(now, now);
  } else if (slow_ == 0) {
    window_.OnSuccess();
  }
  rate_.OnAccepted();
  if (window_.size() != before) group_.SetWindow(window_.size());
  if (rate_.Grow(now)) group_.SetLearnedRate(rate_.rate(), now);
}

void SiteStanding::OnTrouble(base::Instant began, base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (!adaptive_) return;
  Trouble(began, now);
  group_.SetWindow(window_.size());
}

void SiteStanding::OnThrottled(base::Instant written, base::Instant now) {
  const std::lock_guard lock(mutex_);
  throttled_at_ = now;
  if (adaptive_ && rate_.OnThrottled(written, now)) group_.SetLearnedRate(rate_.rate(), now);
}

std::optional<base::Instant> SiteStanding::Suspend(base::Instant now, Suspension::Span span, std::string_view reason,
                                                   std::string_view sample) {
  const std::lock_guard lock(mutex_);
  if (suspension_.IsActive(now)) return std::nullopt;
  return suspension_.Suspend(now, span, reason, sample);
}

bool SiteStanding::SuspendUntil(base::Instant until, base::Instant now, std::string_view reason,
                                std::string_view sample) {
  const std::lock_guard lock(mutex_);
  if (suspension_.until() >= until) return false;
  return suspension_.Suspend(now, {until - now, until - now}, reason, sample) >= until;
}

bool SiteStanding::Lift(base::Instant now) {
  {
    const std::lock_guard lock(mutex_);
    if (!suspension_.IsActive(now)) return false;
    suspension_.Lift();
  }
  group_.CallAll();
  return true;
}

base::Instant SiteStanding::suspended_until() const {
  const std::lock_guard lock(mutex_);
  return suspension_.until();
}

Suspension SiteStanding::suspension() const {
  const std::lock_guard lock(mutex_);
  return suspension_;
}

SiteStanding::Kept SiteStanding::Keep(base::Instant now, base::Duration unsaved) const {
  Kept kept;
  kept.debts = group_.debts(now, unsaved);
  const std::lock_guard lock(mutex_);
  if (!window_.IsNew()) kept.window = window_.exact_size();
  kept.messages_per_second = rate_.per_second();
  if (suspension_.IsActive(now)) {
    kept.suspended_for = suspension_.until() - now;
    kept.reason = suspension_.reason();
    kept.sample = suspension_.sample();
  }
  return kept;
}

void SiteStanding::Restore(const Kept& kept, base::Instant now) {
  group_.Restore(kept.debts, now);
  const std::lock_guard lock(mutex_);
  if (kept.window > 0) window_.Restore(kept.window);
  if (kept.messages_per_second > 0) rate_.Restore(kept.messages_per_second, now);
  if (kept.suspended_for > base::Duration())
    (void)suspension_.Suspend(now, {kept.suspended_for, kept.suspended_for}, kept.reason, kept.sample);
  last_trouble_ = throttled_at_ = now;
  PassOn(now);
}

bool SiteStanding::IsUnused(base::Instant now) const {
  if (!group_.IsUnused(now)) return false;
  const std::lock_guard lock(mutex_);
  const bool is_small = window_.IsSmall() && now - last_trouble_ < kRemembered;
  const bool is_slow = rate_.per_second() > 0 && now - throttled_at_ < kRemembered;
  return !is_small && !is_slow && !suspension_.IsActive(now);
}

}  // namespace delivery
