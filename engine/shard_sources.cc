// The part of a shard that chooses among its sources: one that cannot be bound to rests for a while.

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/shard.h"

namespace engine {

using delivery::Destination;

namespace {

constexpr base::Duration kSourceRest = base::Duration::Minutes(10);  // One that could not be bound to.

}  // namespace

// Its own, or the next one that does not rest.
std::uint32_t Shard::SourceOf(const Destination& destination) const {
  const auto sources = static_cast<std::uint32_t>(job_.sources.size());
  std::uint32_t source = (destination.key.share + destination.source_shift) % sources;
  for (std::uint32_t i = 0; i < sources && source_rests_until_[source] > seams_.clock.Now(); ++i)
    source = (source + 1) % sources;
  return source;
}

void Shard::OnSourceCannotBind(std::uint32_t source, int error) {
  const base::Instant now = seams_.clock.Now();
  if (source_rests_until_[source] > now) return;
  const bool last = std::count_if(source_rests_until_.begin(), source_rests_until_.end(),
                                  [now](base::Instant until) { return until <= now; }) == 1;
  seams_.log.Error(absl::StrFormat(
      "source %s cannot be used: %s; %s", job_.sources[source].name, std::strerror(error),
      last ? "it is the only one left, and is tried again" : "its recipients move to the next source for ten minutes"));
  if (last) return;
  source_rests_until_[source] = now + kSourceRest;
  if (!source_timer_.IsSet()) seams_.timers.Set(source_timer_, source_rests_until_[source]);
  for (const auto& [key, site] : sites_) {
    if (key.source == source) site->SendEveryoneAway();
  }
}

// Who has left it goes back, and moves again if it still cannot be used.
void Shard::OnSourceRested() {
  const base::Instant now = seams_.clock.Now();
  for (const base::Instant until : source_rests_until_) {
    if (until > now && (!source_timer_.IsSet() || until < source_timer_.at())) seams_.timers.Set(source_timer_, until);
  }
  if (phase_ != Phase::kRunning) return;
  std::vector<Destination*> elsewhere;
  for (const auto& [key, destination] : destinations_) {
    if (destination->site != nullptr && destination->site->key().source != SourceOf(*destination))
      elsewhere.push_back(destination.get());
  }
  for (Destination* const destination : elsewhere) destination->site->SendAway(*destination);
}

bool Shard::TakeNextSource(Destination& destination) {
  if (destination.source_shift + 1 >= job_.sources.size()) return false;
  ++destination.source_shift;
  return true;
}

}  // namespace engine
