#include "tests/sim/rule_checks.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace sim {
namespace {

std::string At(const Place& place, base::Instant now) {
  return absl::StrFormat("provider %d, site %d, from %s, %d ms from the start", place.provider, place.site,
                         place.source, (now - base::Instant()).milliseconds());
}

}  // namespace

void RuleChecks::Fire(const Place& place, std::size_t number, const ReplyRule& rule, base::Instant now) {
  ++fired_;
  const base::Instant until = now + rule.lasts;
  const auto [found, is_new] = held_.try_emplace({place, number}, Held{now, until, until, now});
  if (is_new) return;
  Held& held = found->second;
  if (held.until <= now + kUnderWay) {  // It is over, or about to be.
    held = {now, until, until, now};
    return;
  }
  if (held.extended + kUnderWay <= now) held.certain = held.until;
  held.until = until;
  held.extended = now;
}

// A rule that suspends is quiet while it does.
void RuleChecks::OnRefusal(const Place& place, std::string_view reply, base::Instant now) {
  const auto found = rules_.find(place.provider);
  if (found == rules_.end() || !is_running_) return;
  for (std::size_t number = 0; number < found->second.size(); ++number) {
    const ReplyRule& rule = found->second[number];
    if (reply.find(rule.words) == std::string_view::npos) continue;
    const Key key{place, number};
    if (const auto found_held = held_.find(key); rule.kind == ReplyRule::Kind::kSuspend && found_held != held_.end()) {
      Held& held = found_held->second;
      const bool is_quiet = now < std::max(held.until, held.quiet) + kUnderWay;
      if (is_quiet && now >= held.until) held.quiet = now + rule.lasts;  // It may have fired, or not.
      if (is_quiet) continue;
    }
    if (rule.period != base::Duration()) {
      std::deque<base::Instant>& seen = seen_[key];
      seen.push_back(now);
      while (seen.front() + rule.period + kUnderWay <= now) seen.pop_front();
      const auto certain = static_cast<std::uint64_t>(std::count_if(
          seen.begin(), seen.end(), [&](base::Instant one) { return one + rule.period > now + kUnderWay; }));
      if (certain < rule.count) {
        if (seen.size() >= rule.count) {  // It may have fired, or not.
          Held& held = held_.try_emplace(key, Held{now, now, now, now}).first->second;
          held.quiet = std::max(held.quiet, now + rule.lasts);
        }
        continue;
      }
    }
    Fire(place, number, rule, now);
  }
}

RuleChecks::Held* RuleChecks::HeldAt(const Place& place, std::size_t number, base::Instant now) {
  const auto found = held_.find({place, number});
  if (found == held_.end()) return nullptr;
  Held& held = found->second;
  return held.since + kUnderWay <= now && now < held.until ? &held : nullptr;
}

void RuleChecks::OnRecipient(const Place& place, base::Instant now) {
  const auto found = rules_.find(place.provider);
  if (found == rules_.end()) return;
  for (std::size_t number = 0; number < found->second.size(); ++number) {
    const ReplyRule& rule = found->second[number];
    Held* const held = HeldAt(place, number, now);
    if (held == nullptr || rule.kind == ReplyRule::Kind::kConnections) continue;
    if (rule.kind == ReplyRule::Kind::kSuspend) {
      report_("a message to a site that a rule suspends: " + At(place, now));
      continue;
    }
    held->rate.Set(rule.rate, held->since);
    if (held->arrivals.Add(held->rate, now, kUnderWay) == Arrivals::Verdict::kTooMany)
      report_("more messages than a rule's rate allows: " + At(place, now));
  }
}

void RuleChecks::OnConnection(const Place& place, std::uint32_t open, base::Instant now) {
  const auto found = rules_.find(place.provider);
  if (found == rules_.end()) return;
  for (std::size_t number = 0; number < found->second.size(); ++number) {
    const ReplyRule& rule = found->second[number];
    if (HeldAt(place, number, now) == nullptr) continue;
    if (rule.kind == ReplyRule::Kind::kSuspend)
      report_("a connection to a site that a rule suspends: " + At(place, now));
    if (rule.kind == ReplyRule::Kind::kConnections && open > rule.connections)
      report_(absl::StrFormat("%d connections, where a rule allows %d: %s", open, rule.connections, At(place, now)));
  }
}

void RuleChecks::OnCrash(base::Instant now) {
  std::erase_if(held_, [now](const auto& entry) { return entry.second.since + kUnderWay > now; });
  for (auto& [key, held] : held_) {
    if (held.extended + kUnderWay > now) held.until = held.certain;
  }
  seen_.clear();
  is_running_ = false;
}

}  // namespace sim
