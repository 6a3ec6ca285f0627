// Limits how often one destination is contacted: a virtual-scheduling leaky bucket (GCRA, ITU-T I.371). It does not
// queue, and it reads no clock.
#pragma once

#include <cstdint>

#include "engine/base/rate.h"
#include "engine/base/time.h"

namespace delivery {

class RateGate {
 public:
  struct Options {
    std::uint64_t count = 0;  // Per `period`; zero closes the gate for good.
    base::Duration
        period;  // "100/d" is {100, one day}: rates are ratios, never truncated to per second. Greater than zero.
    std::uint64_t burst_max = 1;  // So many may pass at one moment after a rest. At least 1.
    // What comes so late, or half an interval, does not put off the ones after it: the loop had other things to do.
    base::Duration late_most = {};
  };
  // Requires: `options` is checked data (period > 0, burst_max >= 1).
  RateGate(const Options& options, base::Instant now);

  // When the next one may pass; Never() while closed for good.
  base::Instant OpensAt() const { return At(due_ - Tolerance()); }
  // The same, if from `now` on `before` others pass first, each as soon as it may.
  base::Instant OpensAfter(std::uint64_t before, base::Instant now) const;
  // How many may pass at `now`, or from then until `ahead` later.
  std::uint64_t Available(base::Instant now, base::Duration ahead = {}) const;
  // Whether nothing of the past holds it back: it could be made anew without a difference.
  bool IsRested(base::Instant now) const { return options_.count == 0 || Available(now) >= options_.burst_max; }
  // When IsRested becomes true, if all that may pass in the next `passing` pass, and none then. Never(): closed for
  // good.
  base::Instant RestedAfter(base::Instant now, base::Duration passing) const;
  // As it was when that was RestedAfter.
  void SetRestedAt(base::Instant at) {
    due_ = Scaled(at);
    ns_for_each_ = IntervalNs();
  }
  const Options& options() const { return options_; }
  // Passes one, or says no and changes nothing.
  [[nodiscard]] bool TryPass(base::Instant now);
  void SetBurst(std::uint64_t burst_max) { options_.burst_max = burst_max; }  // Of the rate as it is. At least 1.
  // Replaces the rate. What has passed counts on; a faster rate makes up for it sooner, and a slower one later for
  // those alone that pass under it: whatever rates come and go, nobody gains by it.
  void SetOptions(const Options& options, base::Instant now);

 private:
  // Time is kept in units of 1/count of a nanosecond-period, so that a rate has no rounding drift.
  __extension__ using Wide = __int128;
  Wide Scaled(base::Instant t) const { return static_cast<Wide>(t.nanoseconds()) * static_cast<Wide>(scale_); }
  Wide Tolerance() const;
  // When the next one would be due. A rest saves up nothing beyond `late_most`.
  Wide DueFrom(base::Instant now) const;
  base::Instant At(Wide scaled) const;  // The first moment that is not before.
  double IntervalNs() const;            // Of the rate; 0: closed for good.

  Options options_;
  std::uint64_t scale_;  // The last count that was not zero: what times are scaled by.
  Wide due_;             // Theoretical arrival time of the next one at the even rate, scaled.
  double ns_for_each_;   // Of what is between now and `due_`, for each that has passed: of all the rates they had.
};

// Where no burst is stated, it is what the rate gives in one turn of a busy loop, and a message may be a little late:
// else the rate could not be reached. A burst that is stated holds exactly.
RateGate::Options GateOptions(const base::Rate& rate);

}  // namespace delivery
