#include "engine/delivery/site_standing.h"

#include <algorithm>
#include <utility>

namespace delivery {
namespace {

constexpr base::Duration kSlow = base::Duration::Seconds(2);  // And this many times the fastest:
constexpr int kSlowTimes = 8;
constexpr int kSlowInARow = 10;
constexpr base::Duration kRemembered = base::Duration::Hours(1);  // What went wrong, where nothing is sent any more.

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
    all.limits = Strictest(all.limits, options.limits);
    all.adaptive = all.adaptive || options.adaptive;
  }
  group_.SetOptions(all.limits, now);
  adaptive_ = all.adaptive;
  window_.SetLimit(WindowLimit(all));
  PassOn(now);
}

void SiteStanding::PassWindowOn() {
  const bool in_doubt = suspensions_.IsInDoubt(kEverybody);
  group_.SetWindow(in_doubt ? 1 : adaptive_ ? window_.size() : LimitGroup::kNoLimit);
}

void SiteStanding::PassOn(base::Instant now) {
  PassWindowOn();
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
  if (suspensions_.IsInDoubt(kEverybody)) return;  // It was under way before.
  suspensions_.Forgive();
  if (!adaptive_) return;
  const std::uint32_t before = window_.size();
  if (fastest_ == base::Duration() || took < fastest_) fastest_ = std::max(took, base::Duration::Microseconds(1));
  slow_ = took > kSlow && took > fastest_ * kSlowTimes ? slow_ + 1 : 0;
  if (slow_ >= kSlowInARow && window_.size() == 1) {  // Less there cannot be: that is its pace, from now on.
    fastest_ = took;
    slow_ = 0;
  } else if (slow_ >= kSlowInARow) {
    Trouble(now, now);
  } else if (slow_ == 0 && group_.open() + 1 >= window_.size()) {  // With fewer it says nothing about more.
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
  PassWindowOn();
}

void SiteStanding::OnNoMore(base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (!adaptive_) return;
  window_.ShrinkTo(group_.open());
  last_trouble_ = now;
  PassWindowOn();
}

void SiteStanding::OnThrottled(base::Instant written, base::Instant now) {
  const std::lock_guard lock(mutex_);
  throttled_at_ = now;
  if (adaptive_ && rate_.OnThrottled(written, now)) group_.SetLearnedRate(rate_.rate(), now);
}

// ---- suspension ----

// It comes back with one session, and gets others as it takes messages.
void SiteStanding::Shrink(base::Instant now) {
  window_.Restore(1);
  last_trouble_ = now;
  slow_ = 0;
  PassWindowOn();
}

std::optional<base::Instant> SiteStanding::Suspend(base::Instant now, Suspension::Span span, std::string_view reason,
                                                   std::string_view sample) {
  const std::lock_guard lock(mutex_);
  if (suspensions_.IsActive(kEverybody, now)) return std::nullopt;
  const base::Instant until = suspensions_.Suspend(kEverybody, now, span, reason, sample);
  NoteSuspensions();
  Shrink(now);
  return until;
}

bool SiteStanding::SuspendUntil(std::string_view scope, base::Instant until, base::Instant now, std::string_view reason,
                                std::string_view sample) {
  const std::lock_guard lock(mutex_);
  const std::string whose[] = {std::string(scope)};
  if (suspensions_.Last(whose).until() >= until) return false;
  suspensions_.SuspendUntil(scope, until, now, reason, sample);
  NoteSuspensions();
  if (scope == kEverybody) Shrink(now);
  return true;
}

std::vector<std::string> SiteStanding::Lift(Scopes scopes, base::Instant now) {
  std::vector<std::string> lifted;
  bool was_set = false;
  {
    const std::lock_guard lock(mutex_);
    lifted = suspensions_.Lift(scopes, now);
    rule_counts_.Forget(scopes);
    was_set = !std::exchange(settings_, {}).empty();
  }
  if (was_set) group_.CallAll(GroupMember::Call::kSettings);
  if (!lifted.empty()) group_.CallAll();
  return lifted;
}

Suspension SiteStanding::suspension(Scopes scopes) const {
  const std::lock_guard lock(mutex_);
  return suspensions_.Last(scopes);
}

base::Instant SiteStanding::SuspendedUntil(Scopes scopes) const {
  if (is_quiet_) return base::Instant::FromNanoseconds(INT64_MIN);
  const std::lock_guard lock(mutex_);
  return suspensions_.LastUntil(scopes);
}

std::uint64_t SiteStanding::RoomToTry(Scopes scopes) {
  if (is_quiet_) return UINT64_MAX;
  const std::lock_guard lock(mutex_);
  if (!suspensions_.MayTry(scopes)) return 0;
  const bool in_doubt =
      std::any_of(scopes.begin(), scopes.end(), [this](const auto& scope) { return suspensions_.IsInDoubt(scope); });
  return in_doubt ? 1 : UINT64_MAX;
}

std::optional<SiteStanding::TryNumber> SiteStanding::Try(Scopes scopes) {
  if (is_quiet_) return Suspensions::kNoTry;
  const std::lock_guard lock(mutex_);
  return suspensions_.Try(scopes);
}

void SiteStanding::EndTry(Scopes scopes, TryNumber number) {
  {
    const std::lock_guard lock(mutex_);
    if (!suspensions_.EndTry(scopes, number)) return;
  }
  group_.CallAll();
}

void SiteStanding::OnAnswered(Scopes scopes, base::Instant began, base::Instant now) {
  if (is_quiet_) return;
  {
    const std::lock_guard lock(mutex_);
    if (!suspensions_.OnAnswered(scopes, began, now)) return;
    NoteSuspensions();
    PassWindowOn();
  }
  group_.CallAll();
}

// ---- automation rules ----

bool SiteStanding::CountFit(const config::AutomationRule& rule, std::string_view scope, base::Instant now) {
  const std::lock_guard lock(mutex_);
  return rule_counts_.OnFit(rule, scope, now);
}

bool SiteStanding::RememberSetting(RuleSetting setting, base::Instant now) {
  {
    const std::lock_guard lock(mutex_);
    settings_ = ActiveAt(settings_, now);
    if (!Remember(settings_, std::move(setting))) return false;
  }
  group_.CallAll(GroupMember::Call::kSettings);
  return true;
}

void SiteStanding::ForgetSetting(std::string_view rule, std::string_view key) {
  {
    const std::lock_guard lock(mutex_);
    if (delivery::Forget(settings_, rule, key) == 0) return;
  }
  group_.CallAll(GroupMember::Call::kSettings);
}

void SiteStanding::AddOwnDomain(const std::string& domain) {
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = own_domains_.empty() ? 1 : own_domains_.rbegin()->first + 1;
    const auto [known, is_new] = own_domain_numbers_.try_emplace(domain, number);
    if (!is_new) own_domains_.erase(std::exchange(known->second, number));
    own_domains_[number] = domain;
  }
  group_.CallAll(GroupMember::Call::kSettings);
}

std::vector<std::string> SiteStanding::OwnDomainsAfter(std::uint64_t& seen) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> domains;
  for (auto next = own_domains_.upper_bound(seen); next != own_domains_.end(); ++next) {
    domains.push_back(next->second);
    seen = next->first;
  }
  return domains;
}

RuleSettings SiteStanding::settings(base::Instant now) const {
  const std::lock_guard lock(mutex_);
  return ActiveAt(settings_, now);
}

// ---- what outlives the program ----

SiteStanding::Kept SiteStanding::Keep(base::Instant now, base::Duration unsaved) const {
  Kept kept;
  kept.debts = group_.debts(now, unsaved);
  const std::lock_guard lock(mutex_);
  if (!window_.IsNew()) kept.window = window_.exact_size();
  kept.messages_per_second = rate_.per_second();
  kept.suspensions = suspensions_.Keep(now);
  kept.settings = ActiveAt(settings_, now);
  return kept;
}

void SiteStanding::Restore(const Kept& kept, base::Instant now) {
  group_.Restore(kept.debts, now);
  const std::lock_guard lock(mutex_);
  Learn(kept, now);
}

void SiteStanding::Tighten(const Kept& kept, base::Instant now) {
  group_.Tighten(kept.debts, now);
  const std::lock_guard lock(mutex_);
  Kept stricter = kept;
  stricter.debts = {};
  if (kept.window >= window_.exact_size()) stricter.window = 0;
  if (rate_.per_second() > 0 && kept.messages_per_second >= rate_.per_second()) stricter.messages_per_second = 0;
  std::erase_if(stricter.suspensions, [this, now](const Suspensions::Kept& one) {
    const std::string whose[] = {one.scope};
    return suspensions_.IsInDoubt(one.scope) && suspensions_.Last(whose).until() >= now + one.rest;
  });
  if (!stricter.IsNew()) Learn(stricter, now);
}

void SiteStanding::Learn(const Kept& kept, base::Instant now) {
  if (kept.window > 0) window_.Restore(kept.window);
  if (kept.messages_per_second > 0) rate_.Restore(kept.messages_per_second, now);
  for (const Suspensions::Kept& one : kept.suspensions) suspensions_.Restore(one, now);
  NoteSuspensions();
  for (const RuleSetting& one : kept.settings) (void)Remember(settings_, one);
  if (!kept.settings.empty()) group_.CallAll(GroupMember::Call::kSettings);
  if (suspensions_.IsInDoubt(kEverybody)) window_.Restore(1);
  last_trouble_ = throttled_at_ = now;
  PassOn(now);
}

bool SiteStanding::IsUnused(base::Instant now) const {
  if (!group_.IsUnused(now)) return false;
  const std::lock_guard lock(mutex_);
  const bool is_small = window_.IsSmall() && now - last_trouble_ < kRemembered;
  const bool is_slow = rate_.per_second() > 0 && now - throttled_at_ < kRemembered;
  const bool has_rules = !rule_counts_.IsUnused(now) || !ActiveAt(settings_, now).empty();
  return !is_small && !is_slow && !has_rules && suspensions_.IsUnused(now, kRemembered);
}

}  // namespace delivery
