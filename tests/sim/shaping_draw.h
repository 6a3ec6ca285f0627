// What a simulated program's shaping files say of its providers, by chance: limits of each site and of all sites of a
// provider together, automation rules, and warm-ups.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/prng.h"
#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "engine/delivery/source.h"
#include "tools/sandbox/personality.h"

namespace sim {

struct ProviderLimits {
  // Whom a limit is of: one source at a site, all sources there, one source at all sites, all sources there.
  enum Scope : std::uint8_t { kSite, kSiteTotal, kProvider, kProviderTotal };
  static constexpr std::size_t kScopes = 4;
  struct Limit {  // Zero, nullopt: none.
    std::uint32_t connections = 0;
    std::optional<base::Rate> messages, connection_rate;
  };
  std::array<Limit, kScopes> of;
  std::uint32_t deliveries = 0;  // Of each connection.
};

// What a receiver's refusals change for a while, at the site and for the source that they were said to.
struct ReplyRule {
  enum class Kind : std::uint8_t { kSuspend, kConnections, kRate };
  std::string words;        // That the refusal has.
  std::uint64_t count = 1;  // So many of them…
  base::Duration period;    // …in this time. Zero: each.
  base::Duration lasts;
  Kind kind = Kind::kSuspend;
  std::uint32_t connections = 0;
  base::Rate rate = {};
};

struct WarmupPlan {
  std::vector<std::uint32_t> numbers;  // Messages of the first, second, … day. Never empty.
  std::string source;                  // Its name; empty: each.
  bool warm = false;                   // What is beyond goes by another source.
};

// What a provider's file says of one source apart: of a site, of the provider and of each connection. Zero, nullopt:
// what it says of all.
struct SourceLimits {
  std::string source;  // Its name.
  ProviderLimits limits;
};

struct DrawnShaping {
  std::map<std::size_t, ProviderLimits> limits;  // By provider: of those that have any of this.
  std::map<std::size_t, SourceLimits> of_sources;
  std::map<std::size_t, std::vector<ReplyRule>> rules;
  std::map<std::size_t, WarmupPlan> warmups;
  std::vector<std::size_t> not_adaptive;  // Providers of which nothing is learned.
  ProviderLimits::Limit of_all_sites;     // Of each site of whatever provider, over all sources.
};

// Mail exchangers are named mx1.pN.example and the like.
DrawnShaping DrawShaping(base::Prng& prng, const sandbox::Personality& personality,
                         const std::vector<delivery::Source>& sources);
// Other limits, of some of the providers that have some.
void DrawLimitsAnew(base::Prng& prng, DrawnShaping& shaping);
// What holds there for a source.
ProviderLimits LimitsOf(const DrawnShaping& shaping, std::size_t provider, std::string_view source);
// The shaping file.
std::string TextOf(const DrawnShaping& shaping);

}  // namespace sim
