#include "engine/dkim/prefix_hash.h"

#include <algorithm>
#include <cstring>

namespace dkim {
namespace {

// How many of the bytes the pieces begin with.
std::size_t CommonSize(std::string_view bytes, absl::Span<const std::string_view> pieces) {
  std::size_t common = 0;
  for (const std::string_view piece : pieces) {
    const std::string_view wanted = bytes.substr(common, piece.size());
    if (wanted.empty()) {
      if (piece.empty()) continue;
      return common;
    }
    if (std::memcmp(piece.data(), wanted.data(), wanted.size()) != 0) {
      return common + static_cast<std::size_t>(std::mismatch(wanted.begin(), wanted.end(), piece.begin()).first -
                                               wanted.begin());
    }
    common += wanted.size();
    if (wanted.size() < piece.size()) return common;
  }
  return common;
}

}  // namespace

PrefixHash::PrefixHash(std::optional<Canonicalization> mode)
    : fresh_(mode.has_value() ? std::optional<BodyCanonicalizer>(*mode) : std::nullopt) {}

void PrefixHash::Add(std::optional<BodyCanonicalizer>& canonicalizer, std::string_view bytes) {
  if (canonicalizer.has_value()) {
    canonicalizer->Add(bytes, [this](std::string_view canonical) { hash_.Add(canonical); });
  } else {
    hash_.Add(bytes);
  }
}

Digest PrefixHash::Of(absl::Span<const std::string_view> pieces) {
  const bool hit = !prefix_.empty() && CommonSize(prefix_, pieces) == prefix_.size();
  std::optional<BodyCanonicalizer> canonicalizer = hit ? canonicalizer_ : fresh_;
  std::size_t done = 0;
  if (hit) {
    ++hits_;
    done = prefix_.size();
    hash_ = state_;
  } else {
    Learn(pieces);
  }
  for (std::string_view piece : pieces) {
    const std::size_t skipped = std::min(done, piece.size());
    done -= skipped;
    piece.remove_prefix(skipped);
    Add(canonicalizer, piece);
  }
  if (canonicalizer.has_value()) canonicalizer->Finish([this](std::string_view bytes) { hash_.Add(bytes); });
  return hash_.Finish();
}

void PrefixHash::Learn(absl::Span<const std::string_view> pieces) {
  if (++texts_ <= 0) return;
  if (texts_ == 1) {
    common_.clear();
    for (const std::string_view piece : pieces) {
      common_.append(piece.substr(0, kLongest - common_.size()));
      if (common_.size() == kLongest) break;
    }
  } else {
    common_.resize(CommonSize(common_, pieces));
  }
  if (common_.size() < kWorthKeeping) {
    texts_ = -rest_;
    rest_ = std::min(rest_ * 2, kLongestRest);
  } else if (texts_ == kTextsToLearnFrom) {
    Adopt();
  }
}

void PrefixHash::Adopt() {
  texts_ = 0;
  rest_ = kShortestRest;
  prefix_.swap(common_);
  canonicalizer_ = fresh_;
  Add(canonicalizer_, prefix_);
  state_ = hash_;
  hash_.Finish();
}

}  // namespace dkim
