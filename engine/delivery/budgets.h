// How much bad news a campaign may gather before a part of it stops (verdicts, section 5). Pure; on one shard, which
// the others send their facts.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/delivery/pause.h"

namespace delivery {

enum class BudgetEvent : std::uint8_t {
  kNone,  // Only attempts.
  kAuthenticationFailed,
  kBlocked,  // SpamBlock
  kContent,  // SpamContent
  kBounced,
};

struct BudgetFact {
  BudgetEvent event = BudgetEvent::kNone;
  std::string provider;         // kOtherProvider: it has none.
  std::string source;           // Of the event.
  std::string sample;           // The reply.
  std::uint64_t attempted = 0;  // Recipients of the provider who had their first attempt, since the shard last told.
};

class Budgets {
 public:
  explicit Budgets(const campaign::Budget& limits) : limits_(limits) {}

  // The pause that is due now; none: nothing is over, or it was told before.
  std::optional<PauseReason> OnFact(const BudgetFact& fact, base::Instant now);

  // Counts anew, from nothing.
  void Reset();

 private:
  static constexpr std::uint64_t kShareAfter = 200;  // Attempts, before a share of them says anything.
  static constexpr base::Duration kBlockedWithin = base::Duration::Hours(1);

  struct Provider {
    std::uint64_t attempted = 0, content = 0, bounced = 0;
    bool paused = false;
  };
  struct SourceAtProvider {
    std::deque<base::Instant> blocked;  // Of the last hour.
    bool paused = false;
  };

  std::optional<PauseReason> OnBlocked(const BudgetFact& fact, const Provider& provider, base::Instant now);

  const campaign::Budget limits_;
  std::uint64_t attempted_ = 0, authentication_failed_ = 0;
  bool authentication_told_ = false;
  std::map<std::string, Provider> providers_;
  std::map<std::pair<std::string, std::string>, SourceAtProvider> sources_;  // By source and provider.
};

}  // namespace delivery
