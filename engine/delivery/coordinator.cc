#include "engine/delivery/coordinator.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/ledger/record.h"

namespace delivery {

std::optional<PauseReason> Coordinator::OnDomain(std::uint64_t domain, bool missing) {
  auto known = domains_.find(domain);
  if (known == domains_.end()) {
    if (domains_.size() >= kFirstDomains) return std::nullopt;
    known = domains_.emplace(domain, false).first;
  }
  if (!missing || std::exchange(known->second, true)) return std::nullopt;
  if (++missing_ != missing_at_most_ + 1) return std::nullopt;
  return PauseReason{
      std::string(ledger::kResolverSuspect),
      absl::StrFormat("resolver suspect: %d of the first %d domains do not exist or have no usable mail exchanger",
                      missing_, domains_.size()),
      ""};
}

std::optional<PauseReason> Coordinator::OnSenderRefused(std::string_view site, std::string_view normalized_text,
                                                        bool invalid_sender, std::string_view sample) {
  if (invalid_sender) {
    return PauseReason{"sender", absl::StrFormat("%s refuses the sender address", site), std::string(sample)};
  }
  auto known = sites_by_text_.find(normalized_text);
  if (known == sites_by_text_.end()) {
    if (sites_by_text_.size() >= kTextsMax) return std::nullopt;
    known = sites_by_text_.emplace(std::string(normalized_text), std::set<std::string>()).first;
  }
  std::set<std::string>& sites = known->second;
  if (sites.size() >= kSitesToPause || !sites.emplace(site).second || sites.size() < kSitesToPause) return std::nullopt;
  return PauseReason{"sender", absl::StrFormat("%d sites refuse the sender with the same words", kSitesToPause),
                     std::string(sample)};
}

std::optional<PauseReason> Coordinator::OnBudget(const BudgetFact& fact, base::Instant now) {
  std::optional<PauseReason> pause = budgets_.OnFact(fact, now);
  if (pause.has_value() && !pause->scope.IsCampaign()) OnRestored(*pause);
  return pause;
}

void Coordinator::OnRestored(const PauseReason& pause) {
  if (!first_part_.has_value()) first_part_ = pause;
}

void Coordinator::OnResumed() {
  first_part_.reset();
  budgets_.Reset();
  sites_by_text_.clear();
}

std::optional<PauseReason> Coordinator::OnShardBlocked(std::uint32_t shard, bool blocked, std::uint32_t shards) {
  if (blocked) {
    blocked_shards_.insert(shard);
  } else {
    blocked_shards_.erase(shard);
  }
  if (blocked_shards_.size() < shards || !first_part_.has_value()) return std::nullopt;
  return PauseReason{first_part_->by, "what is left is paused: " + first_part_->reason, first_part_->sample};
}

std::optional<PauseReason> Coordinator::OnSigningFailed(std::string_view why) {
  return PauseReason{"dkim", absl::StrFormat("messages cannot be signed: %s", why), ""};
}

PauseReason Coordinator::OnMessageFailed(std::uint64_t row, std::string_view why) {
  return {"message", absl::StrFormat("the message of row %d cannot be made: %s", row, why), ""};
}

}  // namespace delivery
