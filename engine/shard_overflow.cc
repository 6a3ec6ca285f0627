// The part of a shard that brings mail beyond a warm-up's number to another source. Such recipients of a domain are a
// destination of their own, which keeps to that source: the shard that has the domain's own makes it once, and adds to
// it as long as it is here, too.

#include <string>

#include "engine/base/check.h"
#include "engine/shard.h"

namespace engine {

using delivery::Destination;
using delivery::DestinationKey;
using delivery::Site;

std::shared_ptr<delivery::Warmup> Shard::WarmupOf(const delivery::SiteKey& key, const std::string& provider,
                                                  const config::Limits& limits) const {
  using Kind = delivery::HostLimits::Kind;
  if (limits.warmup.empty()) return nullptr;
  const bool alone = provider.empty() || options_.bugs.warmups_of_each_site;
  return seams_.limits.WarmupOf(
      {alone ? Kind::kSite : Kind::kProvider, job_.sources[key.source].name, alone ? key.name : provider},
      limits.warmup);
}

bool Shard::MayTakeOverflow(const Site& from, std::uint32_t source, bool whole) const {
  const std::string& name = job_.sources[source].name;
  if (source_rests_until_[source] > seams_.clock.Now() || budgets_.HoldOf(from.provider(), name) != nullptr)
    return false;
  const auto& own_address = job_.sources[from.key().source].address;
  const auto& address = job_.sources[source].address;  // It reaches the same hosts.
  if ((own_address.has_value() && own_address->IsV6()) != (address.has_value() && address->IsV6())) return false;
  const delivery::SiteKey key{from.key().name, from.key().hosts, source};
  if (const auto known = sites_.find(key); known != sites_.end()) return known->second->MayTakeOverflow(whole);
  const SiteNames& names = site_names_.at(from.id());
  const auto warmup = WarmupOf(key, from.provider(), shaping_->For(names.domain, names.hosts, name));
  return warmup == nullptr || warmup->MayTakeOverflow(seams_.clock.WallNow(), whole);
}

// One that sends as much as there is, else one that has something left of its own day's number.
std::optional<std::uint32_t> Shard::SourceForOverflow(const Destination& destination) const {
  const Site& from = *destination.site;
  const auto count = static_cast<std::uint32_t>(job_.sources.size());
  for (const bool whole : {true, false}) {
    for (std::uint32_t i = 1; i < count; ++i) {
      const std::uint32_t source = (from.key().source + i) % count;
      const DestinationKey key{destination.key.domain, destination.key.share, static_cast<std::uint16_t>(source + 1)};
      const bool is_away = destination.elsewhere.contains(key.via) && !destinations_.contains(key);
      if (source != destination.key.share && !is_away && MayTakeOverflow(from, source, whole)) return source;
    }
  }
  return std::nullopt;
}

bool Shard::SendByAnother(Destination& destination, ledger::RecipientId recipient) {
  if (destination.key.via != 0) return false;  // It has been given to this source.
  const std::optional<std::uint32_t> source = SourceForOverflow(destination);
  if (!source.has_value()) return false;
  const DestinationKey key{destination.key.domain, destination.key.share, static_cast<std::uint16_t>(*source + 1)};
  destination.queue.SendBy(key.via, recipient);
  destination.elsewhere.insert(key.via);
  if (Destination* const known = FindDestination(key)) {
    known->queue.Adopt(recipient);
    if (known->site != nullptr) {
      known->site->OnDue(*known);
    } else if (!known->looking_up && !known->sweeping && known->dns_backoff == base::Duration()) {
      router_.Adopt(*known);
    }
    return true;
  }
  Destination& made = MakeDestination(key);  // Which finds the recipient.
  made.counted = true;
  made.sts = destination.sts;
  router_.Adopt(made);
  return true;
}

}  // namespace engine
