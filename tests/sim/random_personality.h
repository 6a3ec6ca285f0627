// The mail exchangers of a simulated world, and the sources and keys of its program.
#pragma once

#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "engine/delivery/source.h"
#include "engine/dkim/signing_key.h"
#include "tests/sim/network.h"

namespace sim {

// A world's providers, by chance: deferrals, refusals, hang-ups, greylisting, small limits, servers without PIPELINING
// or CHUNKING; of one site or several; STARTTLS that is not offered, refused, or comes to nothing, and certificates
// that do not hold.
std::string RandomPersonality(base::Prng& prng);

// How well the network carries bytes.
Network::Options RandomNetwork(base::Prng& prng);
// Of a shaping file: several messages in flight, or nothing.
std::string RandomInFlight(base::Prng& prng);
// "default", or "ip1" and "ip2", which have addresses of their own.
std::vector<delivery::Source> RandomSources(base::Prng& prng);

// None to two, each of a domain of its own.
std::vector<dkim::SigningKey> RandomKeys(base::Prng& prng);

}  // namespace sim
