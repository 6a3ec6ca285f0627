// What a plan waits in: the DNS and receivers are asked through it.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "dns/cares_resolver.h"
#include "engine/base/log.h"
#include "engine/config/config.h"
#include "engine/io/clock.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"

namespace engine {

struct PlanLoop {
  // Errors: the DNS cannot be asked.
  static absl::StatusOr<std::unique_ptr<PlanLoop>> Make(const config::Config& config, base::Log& log);
  void Turn();  // Waits for 100 ms at most.

  io::SystemClock clock;
  io::TimerWheel timers{clock.Now()};
  std::unique_ptr<io::Reactor> reactor;
  std::unique_ptr<dns::CaresResolver> resolver;
};

}  // namespace engine
