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

void RuleChecks::OnRefusal(const Place& place, std::string_view reply, base::Instant now) {
  if (!rules_.contains(place.provider) || !is_running_) return;
  Settle(now);
  const auto broken = broken_.find(place);
  const bool is_lost = broken != broken_.end() && now < broken->second + kUnderWay;
  said_.push_back({place, std::string(reply), now, !is_lost});
}

void RuleChecks::OnBreak(const Place& place, base::Instant now) {
  Settle(now);
  broken_[place] = now;
  for (Said& said : said_) {
    if (said.place == place) said.is_heard = false;
  }
}

void RuleChecks::Settle(base::Instant now) {
  while (!said_.empty() && said_.front().at + kUnderWay <= now) {
    const Said said = std::move(said_.front());
    said_.pop_front();
    const std::vector<ReplyRule>& rules = rules_.at(said.place.provider);
    for (std::size_t number = 0; number < rules.size(); ++number) {
      if (said.reply.find(rules[number].words) != std::string::npos) Judge(said, number, rules[number]);
    }
  }
}

// A rule that suspends is quiet while it does, or may do.
void RuleChecks::Judge(const Said& said, std::size_t number, const ReplyRule& rule) {
  const Key key{said.place, number};
  const bool suspends = rule.kind == ReplyRule::Kind::kSuspend;
  unheard_ += said.is_heard ? 0 : 1;
  const auto held = held_.find(key);
  const bool is_quiet = suspends && held != held_.end() && said.at < held->second.quiet + kUnderWay;
  Fires fires = Count(key, rule, {said.at, said.is_heard && !is_quiet});
  if (is_quiet && said.at < held->second.until) fires = Fires::kNo;
  if (fires == Fires::kYes) Fire(said.place, number, rule, said.at);
  if (fires != Fires::kPerhaps || !suspends) return;
  Held& perhaps = held_.try_emplace(key, Held{said.at, said.at}).first->second;
  perhaps.quiet = std::max(perhaps.quiet, said.at + rule.lasts);
}

RuleChecks::Fires RuleChecks::Count(const Key& key, const ReplyRule& rule, const Fit& fit) {
  if (rule.period == base::Duration()) return fit.counts ? Fires::kYes : Fires::kPerhaps;
  std::deque<Fit>& seen = seen_[key];
  seen.push_back(fit);
  while (seen.front().at + rule.period + kUnderWay <= fit.at) seen.pop_front();
  if (seen.size() < rule.count) return Fires::kNo;
  const auto certain = static_cast<std::uint64_t>(std::count_if(seen.begin(), seen.end(), [&](const Fit& one) {
    return one.counts && one.at + rule.period > fit.at + kUnderWay;
  }));
  return fit.counts && certain >= rule.count ? Fires::kYes : Fires::kPerhaps;
}

void RuleChecks::Fire(const Place& place, std::size_t number, const ReplyRule& rule, base::Instant now) {
  ++fired_;
  const base::Instant until = now + rule.lasts;
  const auto [found, is_new] = held_.try_emplace({place, number}, Held{now, until});
  Held& held = found->second;
  if (!is_new && held.until <= now + kUnderWay) held = {now, until};  // It is over, or about to be.
  held.until = held.quiet = until;
}

RuleChecks::Held* RuleChecks::HeldAt(const Place& place, std::size_t number, base::Instant now) {
  const auto found = held_.find({place, number});
  if (found == held_.end()) return nullptr;
  Held& held = found->second;
  return held.since + kUnderWay <= now && now < held.until ? &held : nullptr;
}

void RuleChecks::OnRecipient(const Place& place, base::Instant now) {
  Settle(now);
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
  Settle(now);
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
  Settle(now);
  said_.clear();
  seen_.clear();
  is_running_ = false;
}

}  // namespace sim
