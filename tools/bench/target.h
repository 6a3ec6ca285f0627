// Somebody's real server as the receiving side of a benchmark: one address there, so many messages, so fast.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/io/io.h"

namespace bench {

// As typed.
struct TargetOptions {
  std::string host_port, to, from, rate;
  bool permitted = false;
};

struct Target {
  std::string name;  // HOST:PORT, as typed.
  io::Endpoint at;
  std::string to;
  std::string from;  // The messages', and MAIL FROM.
  std::string rate;  // As in a campaign file.
};

// Looks the host up. Errors (InvalidArgument): what is wrong with an option; the host is not this machine, and nobody
// has said that whoever runs it agrees.
absl::StatusOr<Target> FindTarget(const TargetOptions& options);

}  // namespace bench
