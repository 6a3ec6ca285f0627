// A shard's part in the program's sessions, over all its sites. Who finds none free waits in line, and the sessions
// that have been idle longest make room.
#pragma once

#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/intrusive_list.h"
#include "engine/delivery/session_pool.h"

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
    // To begin to end itself; it is no longer in the list. False: it has just been opened, and has work that it waits
    // for.
    virtual bool OnSlotWanted() = 0;

   private:
    friend class SessionBudget;
    base::ListHook idler_hook_;
  };

  // `limit`: of this shard alone, whatever there is.
  SessionBudget(SessionPool& pool, std::uint32_t limit, SessionPool::Caller& caller, const CampaignShare& share = {})
      : pool_(pool), limit_(limit), part_(pool, caller, share) {
    CHECK(limit >= 1);
  }
  ~SessionBudget() {
    while (!waiters_.empty()) waiters_.PopFront();
    while (!idle_.empty()) idle_.PopFront();
  }

  [[nodiscard]] bool TryTake() {
    if (used_ >= limit_ || !pool_.TryTake(part_)) return false;
    ++used_;
    return true;
  }
  void TakeBack() {  // Of TryTake: it was not opened.
    CHECK(used_ > 0);
    --used_;
    pool_.TakeBack(part_);
  }
  void StartClosing() {  // A session is about to end…
    ++closing_;
    pool_.StartClosing(part_);
  }
  void GiveBack() {  // …and has.
    CHECK(used_ > 0 && closing_ > 0);
    --used_;
    --closing_;
    pool_.End(part_);
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
  // for others, here and elsewhere. Once per turn.
  void Serve() {
    const std::uint64_t wanted = used_ < limit_ ? waiters_.size() : 0;  // Beyond its own limit nobody else can help.
    std::uint64_t room = Tell(wanted);
    for (; room > 0 && wanted > 0 && !waiters_.empty(); --room) waiters_.PopFront().OnSessionSlotFree();
    for (std::size_t n = idle_.size(); n > 0 && !idle_.empty() && IsShort(); --n) {
      Idler& idler = idle_.PopFront();
      if (!idler.OnSlotWanted()) idle_.PushBack(idler);
    }
    Tell(wanted);
  }
  // More sessions are waited for than are free or about to end: who has had his turn is to make room.
  bool IsShort() const { return pool_.IsShort() || (used_ >= limit_ && waiters_.size() > closing_); }
  std::uint32_t used() const { return used_; }

 private:
  // Where there is news. Returns how many sessions may be opened; 0, too, where nobody waits.
  std::uint64_t Tell(std::uint64_t wanted) {
    if (wanted == 0 && told_wanted_ == 0 && part_.is_known_idle() == !idle_.empty()) return 0;
    told_wanted_ = wanted;
    return pool_.Look(part_, wanted, !idle_.empty());
  }

  SessionPool& pool_;
  const std::uint32_t limit_;
  SessionPool::Part part_;
  std::uint32_t used_ = 0, closing_ = 0;
  std::uint64_t told_wanted_ = 0;
  base::IntrusiveList<Waiter, &Waiter::waiter_hook_> waiters_;
  base::IntrusiveList<Idler, &Idler::idler_hook_> idle_;  // Longest idle first.
};

}  // namespace delivery
