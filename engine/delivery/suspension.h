// What stops a (source, site) for a while: suspensions that double, and the breaker against a receiver that refuses
// everyone. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace delivery {

// Suspended until a time, with the reason. Each suspension while the last is still remembered doubles, up to `longest`.
class Suspension {
 public:
  struct Span {
    base::Duration shortest;
    base::Duration longest;
  };
  // Suspends from `now`; never ends an earlier suspension sooner. Returns until when.
  base::Instant Suspend(base::Instant now, Span span, std::string_view reason, std::string_view sample);
  // Somebody else has said how long: the next one is as long as it would have been without.
  void SuspendUntil(base::Instant until, base::Instant now, std::string_view reason, std::string_view sample);
  // As a program before has left it: since when, and how long the last one was.
  void SetHistory(base::Instant since, base::Duration last) {
    since_ = since;
    last_ = std::max(last_, last);
  }
  base::Duration last() const { return last_; }
  // A message was accepted: the next suspension starts at its shortest again.
  void Forgive();
  // It is over from `now`, if it was not before, and forgiven.
  void Lift(base::Instant now);

  bool IsActive(base::Instant now) const { return now < until_; }
  base::Instant until() const { return until_; }
  base::Instant since() const { return since_; }  // Without an end between.
  const std::string& reason() const { return reason_; }
  const std::string& sample() const { return sample_; }  // A reply that shows it.

 private:
  base::Instant until_ = base::Instant::FromNanoseconds(INT64_MIN);
  base::Instant since_;
  base::Duration last_;
  std::string reason_;
  std::string sample_;
};

// Verdicts page, section 2: the same normalised text for ten recipients in a row, without a delivery between, is the
// sender's fault and not theirs.
class Breaker {
 public:
  enum class Advice : std::uint8_t {
    kBounce,  // Closed: the recipient's own.
    kHold,    // It may be about to open: hold this recipient, and ask again.
    kOpen,    // It opens, or stays open: suspend, and hold.
  };
  // A recipient was refused for good with this text. `again`: this recipient was held by the breaker before, and says
  // nothing new.
  Advice OnRefusal(std::string_view normalized_text, bool again);
  void OnDelivery();
  bool HasRefused() const { return streak_ > 0; }            // Somebody, since the last delivery.
  bool HasHeld() const { return streak_ > kBouncedAtMost; }  // Somebody, since the last delivery.

 private:
  static constexpr std::uint32_t kBouncedAtMost = 3;
  static constexpr std::uint32_t kOpensAt = 10;
  std::string text_;
  std::uint32_t streak_ = 0;
};

}  // namespace delivery
