// Decides what pauses a campaign or a part of it (verdicts: resolver suspect, sender refused, budgets, smarthost
// unusable). One per campaign, on one shard; the others send it their facts. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "engine/base/string_map.h"
#include "engine/delivery/budgets.h"
#include "engine/delivery/pause.h"

namespace delivery {

class Coordinator {
 public:
  // `domains`: of the campaign.
  explicit Coordinator(const campaign::Budget& limits, std::uint64_t domains = kFirstDomains)
      : missing_at_most_(MissingAtMost(domains)), budgets_(limits) {}

  // A domain was looked up: it does not exist or has no way to receive mail (`missing`), or it can, as far as is known;
  // that may turn out later. Each domain counts once.
  // More than 5 % of the first 1,000 missing, or of all where there are fewer: the resolver is suspect. But ten may be
  // missing in any campaign, and all where there are two.
  std::optional<PauseReason> OnDomain(std::uint64_t domain, bool missing);
  // MAIL was refused for good at a site. At once for an invalid sender; else the same text at three sites.
  std::optional<PauseReason> OnSenderRefused(std::string_view site, std::string_view normalized_text,
                                             bool invalid_sender, std::string_view sample);
  // Attempts and bad news. What it returns may pause a part of the campaign only.
  std::optional<PauseReason> OnBudget(const BudgetFact& fact, base::Instant now);
  // A part of the campaign is paused by an earlier run, or by the operator.
  void OnRestored(const PauseReason& pause);
  // Everything was resumed: what was counted until now pauses nothing any more.
  void OnResumed();
  // One of `shards` has nothing left to do that is not paused, or has again. When none has, the campaign pauses.
  std::optional<PauseReason> OnShardBlocked(std::uint32_t shard, bool blocked, std::uint32_t shards);
  // A message could not be signed. No other can be, and none may go without.
  std::optional<PauseReason> OnSigningFailed(std::string_view why);
  // A message could not be made. The recipient is not to blame, and others may be like it: at once.
  static PauseReason OnMessageFailed(std::uint64_t row, std::string_view why);
  // The one server that takes the mail does not let us in: at once.
  static PauseReason OnSmarthostUnusable(std::string_view reason, std::string_view sample) {
    return {"smarthost", std::string(reason), std::string(sample)};
  }

 private:
  static constexpr std::uint64_t kFirstDomains = 1'000;
  static constexpr std::uint64_t kMissingOfFew = 10;
  static constexpr std::uint64_t MissingAtMost(std::uint64_t domains) {
    if (domains <= 2) return domains;
    return std::max(std::min(kMissingOfFew, domains - 1), std::min(domains, kFirstDomains) * 5 / 100);
  }
  static constexpr std::size_t kSitesToPause = 3;
  static constexpr std::size_t kTextsMax = 256;  // Remembered texts; beyond, the campaign meets suspensions only.

  const std::uint64_t missing_at_most_;
  std::map<std::uint64_t, bool> domains_;  // The first of them, and whether they are missing.
  std::uint64_t missing_ = 0;
  Budgets budgets_;
  std::optional<PauseReason> first_part_;  // Of the parts that are paused.
  std::set<std::uint32_t> blocked_shards_;
  base::StringMap<std::set<std::string>> sites_by_text_;
};

}  // namespace delivery
