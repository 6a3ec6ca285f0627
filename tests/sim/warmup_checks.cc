#include "tests/sim/warmup_checks.h"

#include "absl/strings/str_format.h"
#include "engine/delivery/warmup.h"

namespace sim {
namespace {

constexpr std::int64_t kDaySeconds = 24 * 3600;
constexpr std::int64_t kMidnightSeconds = 60;  // What was begun before it may arrive so long after it.
constexpr std::uint64_t kLostAtOnce = 6;       // Messages that a connection's end may keep from its server.

}  // namespace

const WarmupChecks::Plan* WarmupChecks::PlanOf(std::size_t provider, const std::string& source) const {
  const auto found = plans_.find(provider);
  if (found == plans_.end()) return nullptr;
  return found->second.source.empty() || found->second.source == source ? &found->second : nullptr;
}

// The engine counts what it has written, of which the server may not have heard.
bool WarmupChecks::MayBeAchieved(const Plan& plan, const Day& day) {
  return day.number >= 0 && day.before < plan.numbers.size() &&
         static_cast<double>(day.named + kLostAtOnce * day.ended) >=
             static_cast<double>(plan.numbers[day.before]) * delivery::Warmup::kUsedShare;
}

WarmupChecks::Seen& WarmupChecks::SeenAt(std::size_t provider, const std::string& source, const Plan& plan,
                                         base::WallTime now) {
  Seen& seen = seen_[{provider, source}];
  const std::int64_t day = now.seconds() / kDaySeconds;
  if (seen.today.number != day) {
    seen.yesterday = seen.today;
    seen.today = {.number = day};
  }
  seen.today.before = seen.yesterday.before + (MayBeAchieved(plan, seen.yesterday) ? 1 : 0);
  return seen;
}

void WarmupChecks::OnRecipient(std::size_t provider, const std::string& source, base::WallTime now) {
  const Plan* const plan = PlanOf(provider, source);
  if (plan == nullptr) return;
  Seen& seen = SeenAt(provider, source, *plan, now);
  Day& before = seen.yesterday;
  const bool may_be_of_yesterday =
      before.number + 1 == seen.today.number && now.seconds() % kDaySeconds < kMidnightSeconds;
  if (may_be_of_yesterday && before.before < plan->numbers.size() && before.named < plan->numbers[before.before]) {
    ++before.named;
    return;
  }
  Day& today = seen.today;
  ++today.named;
  if (today.before >= plan->numbers.size()) return;
  const std::uint64_t number = plan->numbers[today.before];
  used_up_ += today.named == number ? 1 : 0;
  if (today.named > number)
    report_(absl::StrFormat("provider %d got %d messages of %s on a day that has %d", provider, today.named, source,
                            number));
}

void WarmupChecks::OnConnectionEnd(std::size_t provider, const std::string& source, base::WallTime now) {
  const Plan* const plan = PlanOf(provider, source);
  if (plan == nullptr) return;
  Seen& seen = SeenAt(provider, source, *plan, now);
  ++seen.today.ended;
  ++seen.yesterday.ended;
}

}  // namespace sim
