// What `sluice bench` measures, as people write it: a comma list such as "plain,unsigned,rtt=50ms". Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/time.h"

namespace bench {

enum class Signing : std::uint8_t {
  kNone,
  kShared,  // One signature, made before the run, travels with every message.
  kRsa,     // RSA-2048, each message its own.
  kEd25519,
  kSealed,  // As kRsa, and made before the run by `sluice seal`.
};

struct Scenario {
  std::string text = "tls,rsa";  // As written.
  bool tls = true;
  Signing signing = Signing::kRsa;
  base::Duration rtt;       // The sink's replies wait so long.
  std::uint32_t sites = 0;  // Receiving systems; 0: as many as suit the connections.
  std::uint32_t skew = 0;   // So many percent of the recipients are at the first of them; 0: all have as many.
  bool ledger = true;
  std::uint32_t shards = 1;

  bool makes_signatures() const { return signing == Signing::kRsa || signing == Signing::kEd25519; }
  bool has_key() const { return makes_signatures() || signing == Signing::kSealed; }  // Of its own for each message.
};

// What a list leaves out is as in the default. Errors (InvalidArgument): a word that is unknown, repeated, or in
// contradiction to another.
absl::StatusOr<Scenario> ParseScenario(std::string_view list);

// "10k", "2m" (thousands and millions) or a plain number of bytes, at most 20 million. Errors (InvalidArgument).
absl::StatusOr<std::uint64_t> ParseBodySize(std::string_view text);

}  // namespace bench
