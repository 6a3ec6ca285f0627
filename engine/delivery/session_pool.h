// How many sessions the whole program may have open: files that may be open are limited. Each session is a lease of its
// own, so that a shard or campaign that needs few leaves the rest to the others. Where none is left, they stand in
// line, and get one each in turn, campaigns by their weights; those that have idle sessions are called to end some.
//
// Any thread: a lock guards it, which nobody holds for longer than a few additions. Nothing polls.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "engine/base/intrusive_list.h"
#include "engine/delivery/fair_line.h"

namespace delivery {

class SessionPool {
 public:
  // How a shard is called to look at its part again: on any thread, with the pool's lock held. It posts to the shard
  // and does nothing else.
  class Caller {
   public:
    virtual ~Caller() = default;
    virtual void CallForSessions() = 0;
  };
  // What one shard of one campaign has. Outlived by the pool.
  class Part {
   public:
    Part(SessionPool& pool, Caller& caller, const CampaignShare& share);
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part();  // Gives back what it has, and leaves the line.
    // What Look said, unless it was called since.
    bool is_known_idle() const { return has_idle_.load(std::memory_order_relaxed); }
    CampaignShare share() const { return share_; }

   private:
    friend class SessionPool;
    SessionPool& pool_;
    Caller& caller_;
    const CampaignShare share_;
    base::ListHook part_hook_, line_hook_;
    std::uint32_t used_ = 0, closing_ = 0;
    std::uint64_t wanted_ = 0;
    std::atomic<bool> has_idle_ = false;
  };

  explicit SessionPool(std::uint32_t limit);  // At least 1.
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;
  ~SessionPool();

  // One session. False: there is none left but for those in line; say with Look that it waits.
  [[nodiscard]] bool TryTake(Part& part);
  void TakeBack(Part& part);      // Of TryTake: it was not opened.
  void StartClosing(Part& part);  // A session is about to end…
  void End(Part& part);           // …and has.

  // `wanted` of its sites wait for a session, and some of its sessions do nothing (`has_idle`). Returns how many it may
  // open now. It is called when there are more, and once where it has idle ones
  // and others want some.
  std::uint64_t Look(Part& part, std::uint64_t wanted, bool has_idle);
  // More are waited for than are free or about to end.
  bool IsShort() const { return short_.load(std::memory_order_relaxed) > 0; }
  std::uint32_t used() const;

 private:
  // With the lock held:
  std::uint32_t Free() const { return limit_ - used_; }
  std::uint64_t RoomFor(const Part& part) const;
  void Count(const Part& part);
  void LeaveLine(Part& part);
  void CallLine(const Part& but);

  const std::uint32_t limit_;
  mutable std::mutex mutex_;
  base::IntrusiveList<Part, &Part::part_hook_> parts_;
  FairLine<Part, &Part::line_hook_> line_;
  std::uint32_t used_ = 0, closing_ = 0;
  std::uint64_t wanted_ = 0;
  std::atomic<std::uint64_t> short_ = 0;
};

}  // namespace delivery
