#include "engine/plan_loop.h"

#include <algorithm>
#include <utility>

namespace engine {

absl::StatusOr<std::unique_ptr<PlanLoop>> PlanLoop::Make(const config::Config& config, base::Log& log) {
  auto loop = std::make_unique<PlanLoop>();
  absl::StatusOr<std::unique_ptr<io::Reactor>> reactor = io::MakeReactor({.backend = io::Backend::kEpoll}, log);
  if (!reactor.ok()) return reactor.status();
  loop->reactor = *std::move(reactor);
  absl::StatusOr<std::unique_ptr<dns::CaresResolver>> resolver = dns::CaresResolver::Make(
      {.servers = config.dns.servers, .queries_per_second_max = config.dns.max_queries_per_second}, *loop->reactor,
      loop->clock, loop->timers);
  if (!resolver.ok()) return resolver.status();
  loop->resolver = *std::move(resolver);
  return loop;
}

void PlanLoop::Turn() {
  const base::Instant until = std::min(clock.Now() + base::Duration::Milliseconds(100), timers.NextAt());
  clock.Expire();  // What it wakes up for sees the time it woke.
  reactor->RunOnce(until);
  timers.Advance(clock.Now());
}

}  // namespace engine
