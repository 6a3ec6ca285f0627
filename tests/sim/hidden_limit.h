// One campaign from a seed, to a receiver that takes so many messages a second of each source, and says so only by
// refusing the others for a while: the program is to find that limit, from a rate of up to four times as many.
#pragma once

#include "tests/sim/simulation.h"

namespace sim {

// What violates: when two minutes are over, a source has less than 90% of what the receiver takes, or 1% or more of its
// messages are refused.
Findings SimulateHiddenLimit(const Settings& settings);

}  // namespace sim
