// How many sessions a shard may have open, over all sites: open files are limited. Who finds none free waits in line,
// and the sessions that have been idle longest make room.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/intrusive_list.h"

namespace delivery {

class SessionBudget {
 public:
  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual void OnSessionSlotFree() = 0;

   private:
    friend class SessionBudget;
    base::ListHook waiter_hook_;
  };
  // A session that does nothing, and could make room.
  class Idler {
   public:
    virtual ~Idler() = default;
    virtual void OnSlotWanted() = 0;  // To end itself; it is no longer in the list.

   private:
    friend class SessionBudget;
    base::ListHook idler_hook_;
  };

  explicit SessionBudget(std::uint32_t limit) : limit_(limit) { CHECK(limit >= 1); }
  ~SessionBudget() {
    while (!waiters_.empty()) waiters_.PopFront();
    while (!idle_.empty()) idle_.PopFront();
  }

  [[nodiscard]] bool TryTake() {
    if (used_ >= limit_) return false;
    ++used_;
    return true;
  }
  void GiveBack() {
    CHECK(used_ > 0);
    --used_;
  }
  // Waiting twice is waiting once; cancelling what does not wait does nothing. The same for idlers.
  void Wait(Waiter& waiter) {
    if (!waiter.waiter_hook_.IsLinked()) waiters_.PushBack(waiter);
  }
  void Cancel(Waiter& waiter) {
    if (waiter.waiter_hook_.IsLinked()) waiters_.Remove(waiter);
  }
  void AddIdle(Idler& idler) {
    if (!idler.idler_hook_.IsLinked()) idle_.PushBack(idler);
  }
  void RemoveIdle(Idler& idler) {
    if (idler.idler_hook_.IsLinked()) idle_.Remove(idler);
  }
  // Calls those who wait, first come first served, while there is room; and asks the oldest idle sessions to make room
  // for the rest. Once per turn.
  void Serve() {
    for (std::size_t n = waiters_.size(); n > 0 && used_ < limit_; --n) waiters_.PopFront().OnSessionSlotFree();
    for (std::size_t n = std::min(waiters_.size(), idle_.size()); n > 0 && !idle_.empty(); --n)
      idle_.PopFront().OnSlotWanted();
  }
  bool HasWaiters() const { return !waiters_.empty(); }
  std::uint32_t used() const { return used_; }

 private:
  const std::uint32_t limit_;
  std::uint32_t used_ = 0;
  base::IntrusiveList<Waiter, &Waiter::waiter_hook_> waiters_;
  base::IntrusiveList<Idler, &Idler::idler_hook_> idle_;  // Longest idle first.
};

}  // namespace delivery
