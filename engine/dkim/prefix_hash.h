// Hashes texts one after another: bodies in a canonical form, or texts as they stand. What many of them begin with is
// hashed once: the state of SHA-256 behind it is kept, and goes on with the rest of each text that begins so. Which
// bytes these are is learned from the texts themselves, so that nothing depends on how they were made.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "engine/dkim/canonical.h"
#include "engine/dkim/crypto.h"

namespace dkim {

class PrefixHash {
 public:
  // `mode`: the texts are bodies, and their canonical form is hashed; none: the bytes as they stand.
  explicit PrefixHash(std::optional<Canonicalization> mode);

  // The hash of a text that comes in pieces.
  Digest Of(absl::Span<const std::string_view> pieces);

  // How many texts began with what was kept; for tests.
  std::size_t hits() const { return hits_; }

 private:
  static constexpr std::size_t kWorthKeeping = 256;                // Octets; to copy the state costs as much as these.
  static constexpr std::size_t kLongest = std::size_t{256} << 10;  // Octets that are kept.
  static constexpr int kTextsToLearnFrom = 8;
  // Texts until it tries again, where they have nothing in common: more each time.
  static constexpr int kShortestRest = 8, kLongestRest = 1024;

  void Add(std::optional<BodyCanonicalizer>& canonicalizer, std::string_view bytes);
  void Learn(absl::Span<const std::string_view> pieces);
  void Adopt();

  const std::optional<BodyCanonicalizer> fresh_;
  Sha256 hash_;
  // What was kept.
  std::string prefix_;  // Empty: nothing.
  std::optional<BodyCanonicalizer> canonicalizer_;
  Sha256 state_;
  // What the last few texts without it have in common.
  std::string common_;
  int texts_ = 0;  // Negative: it rests.
  int rest_ = kShortestRest;
  std::size_t hits_ = 0;
};

}  // namespace dkim
