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
  // A message was accepted while the window was all but full: one more session per window's worth of successes.
  void OnSuccess();
  // A connection failed, or the receiver said that it has too much: half, at least 1. Trouble told by sessions that
  // began before the last decrease does not count again; the caller says so with `fresh` = false.
  void OnTrouble(bool fresh);
  void ShrinkTo(std::uint32_t connections);  // So many are what the receiver takes; at least 1.
  void SetLimit(std::uint32_t limit);
  double exact_size() const { return size_; }
  void Restore(double size);  // As it was before a restart. Requires: size > 0.
  bool IsNew() const { return size_ == Initial(limit_); }
  bool IsSmall() const { return size_ < Initial(limit_); }  // Smaller than a new one.

 private:
  static constexpr double kInitial = 5;
  static double Initial(std::uint32_t limit) { return limit < kInitial ? limit : kInitial; }
  std::uint32_t limit_;
  double size_;
};

}  // namespace delivery
