#include "engine/delivery/budgets.h"

#include "absl/strings/str_format.h"

namespace delivery {
namespace {

bool IsOver(const campaign::BudgetLimit& limit, std::uint64_t count, std::uint64_t attempted,
            std::uint64_t share_after) {
  if (limit.count.has_value()) return count >= *limit.count;
  return limit.share.has_value() && attempted >= share_after &&
         static_cast<double>(count) > *limit.share * static_cast<double>(attempted);
}

}  // namespace

std::optional<PauseReason> Budgets::OnFact(const BudgetFact& fact, base::Instant now) {
  attempted_ += fact.attempted;
  Provider& provider = providers_[fact.provider];
  provider.attempted += fact.attempted;
  const PauseScope whole_provider{.provider = fact.provider, .source = ""};
  switch (fact.event) {
    case BudgetEvent::kNone:
      return std::nullopt;
    case BudgetEvent::kAuthenticationFailed:
      ++authentication_failed_;
      if (authentication_told_ || !IsOver(limits_.auth, authentication_failed_, attempted_, kShareAfter))
        return std::nullopt;
      authentication_told_ = true;
      return PauseReason{"auth", absl::StrFormat("%d replies say that authentication failed", authentication_failed_),
                         fact.sample};
    case BudgetEvent::kBlocked:
      return OnBlocked(fact, provider, now);
    case BudgetEvent::kContent:
      ++provider.content;
      if (provider.paused || !IsOver(limits_.content, provider.content, provider.attempted, kShareAfter))
        return std::nullopt;
      provider.paused = true;
      return PauseReason{
          "content", absl::StrFormat("%s: %d replies say that the content is spam", fact.provider, provider.content),
          fact.sample, whole_provider};
    case BudgetEvent::kBounced:
      ++provider.bounced;
      if (provider.paused || !IsOver(limits_.bounce, provider.bounced, provider.attempted, kShareAfter))
        return std::nullopt;
      provider.paused = true;
      return PauseReason{
          "bounce",
          absl::StrFormat("%s: %d of %d recipients bounced", fact.provider, provider.bounced, provider.attempted),
          fact.sample, whole_provider};
  }
  return std::nullopt;
}

void Budgets::Reset() {
  attempted_ = authentication_failed_ = 0;
  authentication_told_ = false;
  providers_.clear();
  sources_.clear();
}

std::optional<PauseReason> Budgets::OnBlocked(const BudgetFact& fact, const Provider& provider, base::Instant now) {
  SourceAtProvider& here = sources_[{fact.source, fact.provider}];
  if (here.paused) return std::nullopt;
  here.blocked.push_back(now);
  while (here.blocked.front() + kBlockedWithin <= now) here.blocked.pop_front();
  if (!IsOver(limits_.blocked, here.blocked.size(), provider.attempted, kShareAfter)) return std::nullopt;
  here.paused = true;
  return PauseReason{"blocked",
                     absl::StrFormat("%s blocks source %s: %d replies within an hour", fact.provider, fact.source,
                                     here.blocked.size()),
                     fact.sample,
                     {.provider = fact.provider, .source = fact.source}};
}

}  // namespace delivery
