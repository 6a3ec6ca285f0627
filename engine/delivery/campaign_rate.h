// delivery.max_message_rate: whose turn it is to begin a message, over all sites and shards. Whoever wants to begin one
// stands in line on its shard; the tokens are the campaign's. It keeps sessions from being opened for messages that
// must wait; what is written when, exactly and through restarts, a group of limits says (HostLimits::Kind::kCampaign).
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "engine/base/intrusive_list.h"
#include "engine/base/rate.h"
#include "engine/delivery/rate_gate.h"
#include "engine/io/clock.h"
#include "engine/io/timer_wheel.h"

namespace delivery {

// The one of all shards; any thread. A token costs a lock that nobody holds for long: nothing beside a signature.
class CampaignRate {
 public:
  explicit CampaignRate(const base::Rate& rate) : gate_(GateOptions(rate), base::Instant()) {}

  std::uint64_t Available(base::Instant now, base::Duration ahead) {
    const std::lock_guard lock(mutex_);
    return gate_.Available(now, ahead);
  }
  base::Instant OpensAt() {
    const std::lock_guard lock(mutex_);
    return gate_.OpensAt();
  }
  // Takes a token; or says when there may be one.
  std::optional<base::Instant> WaitForToken(base::Instant now) {
    const std::lock_guard lock(mutex_);
    if (gate_.TryPass(now)) return std::nullopt;
    return gate_.OpensAt();
  }

 private:
  std::mutex mutex_;
  RateGate gate_;
};

// Those of one shard who wait for tokens, first come first served. A token is taken before a session is opened for it;
// who has not begun a message with it after ten seconds has lost it, and none is ever given back.
class CampaignLine {
 public:
  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual void OnMayBegin() = 0;  // HasToken is true now.

   private:
    friend class CampaignLine;
    base::ListHook line_hook_;
    std::optional<base::Instant> token_until_;
  };

  // `rate`: null where there is none; then everyone has a token. All outlive the line.
  CampaignLine(CampaignRate* rate, const io::Clock& clock, io::TimerWheel& timers)
      : rate_(rate), clock_(clock), timers_(timers), timer_([this] { Serve(); }) {}
  ~CampaignLine() {
    while (!waiters_.empty()) waiters_.PopFront();
  }

  // Whether it may begin a message now. If not it waits in line, and OnMayBegin is called.
  [[nodiscard]] bool HasToken(Waiter& waiter);
  void UseToken(Waiter& waiter) { waiter.token_until_.reset(); }  // A message begins.
  // It was given a token and has not used it; it may have lost it since, and is served first then.
  static bool WasGiven(const Waiter& waiter) { return waiter.token_until_.has_value(); }
  // How many there will be by the time a connection is open, at least the one that was taken for it.
  std::uint64_t TokensSoon() const;
  bool IsLimited() const { return rate_ != nullptr; }
  // When there is a token for whoever is first.
  base::Instant OpensAt() const { return rate_ == nullptr ? base::Instant() : rate_->OpensAt(); }
  void Cancel(Waiter& waiter) {
    if (waiter.line_hook_.IsLinked()) waiters_.Remove(waiter);
  }

 private:
  bool Take(Waiter& waiter);  // Or sets the timer.
  void Serve();

  CampaignRate* const rate_;
  const io::Clock& clock_;
  io::TimerWheel& timers_;
  io::Timer timer_;
  base::IntrusiveList<Waiter, &Waiter::line_hook_> waiters_;
};

}  // namespace delivery
