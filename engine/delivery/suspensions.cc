#include "engine/delivery/suspensions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace delivery {

std::string TenantScope(std::string_view tenant) { return absl::StrCat("tenant:", base::AbslView(tenant)); }

std::string CampaignScope(std::string_view campaign) { return absl::StrCat("campaign:", base::AbslView(campaign)); }

std::vector<std::string> ScopesOf(std::string_view campaign, std::string_view tenant) {
  std::vector<std::string> scopes = {std::string(kEverybody), CampaignScope(campaign)};
  if (!tenant.empty()) scopes.push_back(TenantScope(tenant));
  return scopes;
}

Suspensions::Entry* Suspensions::Find(std::string_view scope) {
  const auto found = entries_.find(scope);
  return found == entries_.end() ? nullptr : &found->second;
}

const Suspensions::Entry* Suspensions::Find(std::string_view scope) const {
  const auto found = entries_.find(scope);
  return found == entries_.end() ? nullptr : &found->second;
}

base::Instant Suspensions::Suspend(std::string_view scope, base::Instant now, Suspension::Span span,
                                   std::string_view reason, std::string_view sample) {
  Entry& entry = entries_[std::string(scope)];
  entry.in_doubt = true;
  return entry.suspension.Suspend(now, span, reason, sample);
}

void Suspensions::SuspendUntil(std::string_view scope, base::Instant until, base::Instant now, std::string_view reason,
                               std::string_view sample) {
  Entry& entry = entries_[std::string(scope)];
  entry.in_doubt = true;
  entry.suspension.SuspendUntil(until, now, reason, sample);
}

bool Suspensions::IsActive(std::string_view scope, base::Instant now) const {
  const Entry* const entry = Find(scope);
  return entry != nullptr && entry->suspension.IsActive(now);
}

Suspension Suspensions::Last(Scopes scopes) const {
  Suspension last;
  for (const std::string& scope : scopes) {
    const Entry* const entry = Find(scope);
    if (entry != nullptr && entry->suspension.until() > last.until()) last = entry->suspension;
  }
  return last;
}

base::Instant Suspensions::LastUntil(Scopes scopes) const {
  base::Instant until = base::Instant::FromNanoseconds(INT64_MIN);
  if (entries_.empty()) return until;
  for (const std::string& scope : scopes) {
    if (const Entry* const entry = Find(scope)) until = std::max(until, entry->suspension.until());
  }
  return until;
}

std::vector<std::string> Suspensions::Lift(Scopes scopes, base::Instant now) {
  std::vector<std::string> lifted;
  for (const std::string& scope : scopes) {
    Entry* const entry = Find(scope);
    if (entry == nullptr || !entry->suspension.IsActive(now)) continue;
    entry->suspension.Lift(now);
    lifted.push_back(scope);
  }
  return lifted;
}

void Suspensions::Forgive() {
  if (Entry* const entry = Find(kEverybody)) entry->suspension.Forgive();
}

// ---- in doubt ----

bool Suspensions::IsInDoubt(std::string_view scope) const {
  const Entry* const entry = Find(scope);
  return entry != nullptr && entry->in_doubt;
}

bool Suspensions::MayTry(Scopes scopes) {
  bool may = true;
  for (const std::string& scope : scopes) {
    Entry* const entry = Find(scope);
    if (entry == nullptr || !entry->in_doubt || entry->tried_by == kNoTry) continue;
    entry->has_waiters = true;
    may = false;
  }
  return may;
}

std::optional<Suspensions::TryNumber> Suspensions::Try(Scopes scopes) {
  if (!MayTry(scopes)) return std::nullopt;
  TryNumber number = kNoTry;
  for (const std::string& scope : scopes) {
    Entry* const entry = Find(scope);
    if (entry == nullptr || !entry->in_doubt) continue;
    if (number == kNoTry) number = ++last_try_;
    entry->tried_by = number;
  }
  return number;
}

bool Suspensions::EndTry(Scopes scopes, TryNumber number) {
  bool has_waiters = false;
  for (const std::string& scope : scopes) {
    Entry* const entry = Find(scope);
    if (entry == nullptr || number == kNoTry || entry->tried_by != number) continue;
    entry->tried_by = kNoTry;
    has_waiters = std::exchange(entry->has_waiters, false) || has_waiters;
  }
  return has_waiters;
}

// What was under way when it was decided says nothing about the time after.
bool Suspensions::OnAnswered(Scopes scopes, base::Instant began, base::Instant now) {
  bool has_ended = false;
  for (const std::string& scope : scopes) {
    const auto found = entries_.find(scope);
    if (found == entries_.end() || !found->second.in_doubt) continue;
    Entry& entry = found->second;
    if (entry.suspension.IsActive(now) || began < entry.suspension.until()) continue;
    has_ended = true;
    entry.in_doubt = entry.has_waiters = false;
    entry.tried_by = kNoTry;  // Whose message is still under way holds nobody in a later doubt.
    if (scope != kEverybody) entries_.erase(found);
  }
  return has_ended;
}

// ---- what outlives the program ----

std::vector<Suspensions::Kept> Suspensions::Keep(base::Instant now) const {
  std::vector<Kept> kept;
  for (const auto& [scope, entry] : entries_) {
    if (!entry.in_doubt) continue;
    const Suspension& suspension = entry.suspension;
    const base::Duration rest = suspension.IsActive(now) ? suspension.until() - now : base::Duration();
    kept.push_back(
        {scope, rest, suspension.reason(), suspension.sample(), now - suspension.since(), suspension.last()});
  }
  return kept;
}

void Suspensions::Restore(const Kept& kept, base::Instant now) {
  SuspendUntil(kept.scope, now + kept.rest, now, kept.reason, kept.sample);
  Find(kept.scope)->suspension.SetHistory(now - kept.already, kept.last);
}

bool Suspensions::IsUnused(base::Instant now, base::Duration remembered) const {
  return std::none_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    const base::Instant until = entry.second.suspension.until();
    return now < until || (entry.second.in_doubt && now < until + remembered);
  });
}

}  // namespace delivery
