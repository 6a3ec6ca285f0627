// What a receiver takes over time, learned from what it accepts and what it says it has too much of: the rate of
// messages that a (source, site) keeps below the configured one. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/rate.h"
#include "engine/base/time.h"

namespace delivery {

// Nothing is limited until the receiver throttles. What it accepts in the second after that is what it takes: the rate
// becomes a little less, stays for a while, and grows slowly. What turns out to be too much, by more than a few
// complaints in a minute, is taken back, and growth waits longer. After an hour without any the rate is forgotten.
class AdaptiveRate {
 public:
  // A message was accepted.
  void OnAccepted() { ++accepted_; }
  // A message that was written at `written` was refused because there are too many. True: the rate has changed.
  bool OnThrottled(base::Instant written, base::Instant now);
  // Grows where it is time to. True: the rate has changed.
  bool Grow(base::Instant now);

  // None: there is no reason to limit anything.
  std::optional<base::Rate> rate() const;
  double per_second() const { return per_second_; }  // 0: none.
  // As it was before a restart.
  void Restore(double per_second, base::Instant now);

 private:
  static constexpr base::Duration kStaysFirst = base::Duration::Seconds(30);
  static constexpr double kGrowthFirst = 0.05;

  void Stay(base::Instant now);

  double per_second_ = 0;
  double before_growth_ = 0;  // What it took without a complaint; 0: it has not grown since the last decrease.
  double growth_ = kGrowthFirst;
  base::Duration stays_ = kStaysFirst;
  base::Instant decreased_at_, grows_at_, complained_at_;
  std::optional<base::Instant> measured_since_;
  std::uint64_t accepted_ = 0, throttled_ = 0;  // Since then.
};

}  // namespace delivery
