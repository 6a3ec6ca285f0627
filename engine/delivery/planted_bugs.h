// A test switch: bugs put in on purpose, to prove that the simulator's checkers find them. All off, always, outside
// tests/sim.
#pragma once

namespace delivery {

struct PlantedBugs {
  bool skip_attempt_barrier = false;  // Message bytes leave before the attempt's record is durable.
  bool tell_before_sync = false;      // Outcomes count as durable when they are handed over.
  bool pop_retry_twice = false;       // Who was delivered at the second attempt is still in the queue, once.
  bool mix_tls = false;               // A session serves destinations of any TLS policy.
  bool wrong_signatures = false;      // A message gets the signature of the one before it.
};

}  // namespace delivery
