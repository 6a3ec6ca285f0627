// The part of a site that says what holds it back.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "engine/delivery/site.h"

namespace delivery {

void Site::Pump() {
  throttle_.Begin();
  TellWarmup();
  DoWhatCanBeDone();
  throttle_.End(context_.clock.Now(), !ready_.empty() || transactions_ > 0);
}

// What holds everything there; "": nothing.
std::string_view Site::Hold() const {
  const base::Instant now = context_.clock.Now();
  if (standing_->SuspendedUntil(scopes_) > now) return "suspended";
  if (rests_until_ > now) return "unreachable";
  return dns_until_ > now ? "dns" : "";
}

void Site::Rest(base::Instant until) {
  rests_until_ = until;
  if (!rests_since_.has_value()) rests_since_ = context_.clock.Now();
}

void Site::RestForDns(base::Instant until) {
  dns_until_ = until;
  if (!dns_since_.has_value()) dns_since_ = context_.clock.Now();
}

base::Instant Site::HoldSince(std::string_view hold) const {
  if (hold == "suspended") return standing_->suspension(scopes_).since();
  const std::optional<base::Instant>& since = hold == "dns" ? dns_since_ : rests_since_;
  return since.value_or(context_.clock.Now());
}

std::optional<HeldQueue> Site::HeldNow() const {
  const base::Instant now = context_.clock.Now();
  HeldQueue held{.queue = key_.Title(),
                 .provider = provider_,
                 .source = context_.job.sources[key_.source].name,
                 .reason = "",
                 .sample = ""};
  if (paused_) {
    held.reason = "paused: " + pause_reason_;
    held.since = context_.clock.WallNow() - (now - paused_since_);
    return held;
  }
  base::Instant until;
  if (const Suspension suspension = standing_->suspension(scopes_); suspension.IsActive(now)) {
    held.reason = "suspended: " + suspension.reason();
    held.sample = suspension.sample();
    until = suspension.until();
  } else if (rests_until_ > now) {
    held.reason = "unreachable: " + last_failure_;
    until = rests_until_;
  } else if (dns_until_ > now) {
    held.sample = hosts_.Unanswered();
    held.reason = held.sample.empty() ? "without a known address" : "without an answer from the DNS";
    until = dns_until_;
  } else {
    return std::nullopt;
  }
  held.since = context_.clock.WallNow() - (now - HoldSince(Hold()));
  held.until = context_.clock.WallNow() + (until - now);
  return held;
}

// A reply that is why it is so, or what went wrong, where anything is known.
std::string Site::SampleOfLimit(std::string_view limit) const {
  if (limit == "suspended") return standing_->suspension(scopes_).sample();
  for (const Automation::Override& override : automation_.active()) {
    if (override.change.setting.key == limit) return override.sample;
  }
  if (limit == "unreachable" || limit == "dns") return last_failure_;
  return limit == "window" || limit == "adaptive_rate" ? trouble_sample_ : "";
}

std::optional<LimitedQueue> Site::LimitedNow() const {
  const base::Instant now = context_.clock.Now();
  std::string_view limit = paused_ ? "paused" : Hold();
  base::Instant since = paused_ ? paused_since_ : HoldSince(limit);
  if (limit.empty()) {
    limit = throttle_.Limit(now);
    since = throttle_.since();
  }
  if (limit.empty() || !HasDestinations()) return std::nullopt;
  LimitedQueue limited{.queue = key_.Title(),
                       .provider = provider_,
                       .source = context_.job.sources[key_.source].name,
                       .limit = std::string(limit),
                       .sample = SampleOfLimit(limit)};
  if (since == base::Instant()) since = now;  // It has not looked since.
  limited.since = context_.clock.WallNow() - (now - since);
  const std::optional<base::Instant> held = HeldUntil();
  if (!paused_ && held.has_value()) limited.until = context_.clock.WallNow() + (*held - now);
  base::Instant opens = base::Instant::Never();
  if (limit == "max_message_rate" || limit == "adaptive_rate" || limit == "provider_max_message_rate" ||
      limit == "total_message_rate" || limit == "source_message_rate")
    opens = TokenAt();
  if (limit == "campaign_rate") opens = std::max(TokenAt(), context_.line.OpensAt());
  if (limit == "max_connection_rate") {
    opens = now;
    for (const auto& member : members_) opens = std::max(opens, member->group().ConnectionAt());
  }
  if (limit == kWarmupLimit) opens = now + (Warmup::EndOfDay(context_.clock.WallNow()) - context_.clock.WallNow());
  if (!opens.IsNever()) limited.until = context_.clock.WallNow() + (std::max(now, opens) - now);
  return limited;
}

}  // namespace delivery
