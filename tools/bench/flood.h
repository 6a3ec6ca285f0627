// What a sink can take: connections that send it one message again and again, made before, with nothing to think about
// in between. On the wire it is as the sender's: MAIL, RCPT and BDAT in one write, one message in flight on each
// connection, under TLS or in clear.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace bench {

struct FloodSettings {
  std::uint16_t port = 0;  // On loopback; under TLS from the first octet.
  bool tls = false;
  std::uint32_t connections = 1;
  std::uint64_t body_bytes = 10'000;
  base::Duration time;  // The first fifth does not count.
  pid_t sink = 0;
};
struct FloodResult {
  double messages_per_s = 0;
  double sink_cpu_share = 0;  // Of one core, meanwhile. Well below 1: it could take more than this.
};
// Errors: the sink cannot be reached, ends, or refuses something; it takes next to nothing in ten seconds.
absl::StatusOr<FloodResult> Flood(const FloodSettings& settings);

}  // namespace bench
