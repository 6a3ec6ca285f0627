// The part of a shard that chooses the source of a destination: its own, or another while that cannot be used.

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/roster/roster.h"
#include "engine/shard.h"
#include "engine/visit_some.h"

namespace engine {

using delivery::Destination;
using delivery::DestinationKey;

namespace {

constexpr int kLookedAtOnce = 1024;
constexpr base::Duration kSourceRest = base::Duration::Minutes(10);  // One that could not be bound to.
constexpr base::Duration kSameTrouble =
    base::Duration::Minutes(5);  // What comes sooner again was told: each site tries.

}  // namespace

std::uint32_t Shard::SourceOf(const DestinationKey& key) const { return key.via == 0 ? key.share : key.via - 1u; }

delivery::RecipientShare Shard::ShareOf(const DestinationKey& key) const {
  const auto domain = job_.roster->Domain(key.domain);
  delivery::RecipientShare share{
      .first = domain.first, .count = domain.count, .weight_begin = 0, .weight_end = 0, .weight_total = 0};
  for (std::uint32_t i = 0; i < job_.sources.size(); ++i) {
    if (i == key.share) share.weight_begin = share.weight_total;
    share.weight_total += job_.sources[i].weight;
    if (i == key.share) share.weight_end = share.weight_total;
  }
  share.sample_below = job_.sample_below;
  share.via = key.via;
  share.sources = static_cast<std::uint16_t>(std::min<std::size_t>(job_.sources.size(), UINT16_MAX));
  return share;
}

// Most domains have fewer recipients than there may be sources.
std::vector<std::uint32_t> Shard::SharesOf(std::uint64_t domain) {
  std::vector<std::uint32_t> shares;
  for (std::uint32_t share = 0; share < job_.sources.size(); ++share) {
    if (ShareOf({domain, share}).HasAny()) shares.push_back(share);
  }
  return shares;
}

// Its own, or the next one that does not rest.
std::uint32_t Shard::SourceOf(const Destination& destination) const {
  const auto sources = static_cast<std::uint32_t>(job_.sources.size());
  std::uint32_t source = (SourceOf(destination.key) + destination.source_shift) % sources;
  for (std::uint32_t i = 0; i < sources && source_rests_until_[source] > seams_.clock.Now(); ++i)
    source = (source + 1) % sources;
  return source;
}

void Shard::OnSourceCannotBind(std::uint32_t source, int error) {
  const base::Instant now = seams_.clock.Now();
  if (source_rests_until_[source] > now) return;
  const base::Instant last_rest = source_rests_until_[source];  // Of the last one left: when that was seen.
  const bool is_known = last_rest != base::Instant() && now - last_rest < kSameTrouble;
  const bool last = std::count_if(source_rests_until_.begin(), source_rests_until_.end(),
                                  [now](base::Instant until) { return until <= now; }) == 1;
  if (!last || !is_known) {
    const delivery::Source& unusable = job_.sources[source];
    seams_.log.Error(absl::StrFormat("source %s cannot be used: %s (source_address %s, %s); %s", unusable.name,
                                     std::strerror(error), unusable.address.value_or(base::IpAddress()).ToString(),
                                     unusable.limits.place,
                                     last ? "it is the only one left, and is tried again"
                                          : "its recipients move to the next source for ten minutes"));
  }
  source_rests_until_[source] = last ? now : now + kSourceRest;
  if (last) return;
  if (!source_timer_.IsSet()) seams_.timers.Set(source_timer_, source_rests_until_[source]);
  send_back_from_ = DestinationKey();
}

// Who has left it goes back, and moves again if it still cannot be used.
void Shard::OnSourceRested() {
  const base::Instant now = seams_.clock.Now();
  for (const base::Instant until : source_rests_until_) {
    if (until > now && (!source_timer_.IsSet() || until < source_timer_.at())) seams_.timers.Set(source_timer_, until);
  }
  send_back_from_ = DestinationKey();
}

// Those who are not at their source. Looks at some in each turn.
void Shard::SendSomeBack() {
  if (!send_back_from_.has_value()) return;
  if (phase_ != Phase::kRunning) return send_back_from_.reset();
  int left = kLookedAtOnce;
  VisitSome(destinations_, send_back_from_, left, [this](const DestinationKey&, Destination& destination) {
    if (destination.site != nullptr && destination.site->key().source != SourceOf(destination))
      destination.site->SendAway(destination);
  });
}

bool Shard::TakeNextSource(Destination& destination) {
  if (destination.source_shift + 1 >= job_.sources.size()) return false;
  ++destination.source_shift;
  return true;
}

}  // namespace engine
