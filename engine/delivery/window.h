// How many sessions one (source, site) may have open: grows with success, shrinks with trouble, never above the
// configured limit.
#pragma once

#include <cstdint>

namespace delivery {

// Additive increase, multiplicative decrease, as Postfix's queue manager does for destinations: it starts small, so
// that an unknown receiver is not met with the full limit at once. Pure.
class Window {
 public:
  // Requires: limit >= 1.
  explicit Window(std::uint32_t limit);

  std::uint32_t size() const { return static_cast<std::uint32_t>(size_); }
  std::uint32_t limit() const { return limit_; }
  // A message was accepted: one more session per window's worth of successes.
  void OnSuccess();
  // A connection failed, or the receiver said that it has too much: half, at least 1. Trouble told by sessions that
  // began before the last decrease does not count again; the caller says so with `fresh` = false.
  void OnTrouble(bool fresh);
  void SetLimit(std::uint32_t limit);

 private:
  static constexpr double kInitial = 5;
  std::uint32_t limit_;
  double size_;
};

}  // namespace delivery
