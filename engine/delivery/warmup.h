// How far a source has been warmed for a provider: how many messages it may send there on this day of UTC. There is one
// for each (source, provider), and for each (source, site) of no provider; it is the whole program's.
//
// Campaigns share a day's number by their weights: of what others wait to send there, as much as is their share is kept
// for them, whoever came first. What nobody else waits for is there for everybody; in the day's last hour it all is, so
// that a campaign that cannot send what it waits for leaves none of it unused.
//
// The next day has the next number where this one was used (kUsedShare of its number were sent) and clean: nothing was
// suspended, and no more than kBadShare of the messages were answered by what harms a source's name (IsBad). Else the
// number stays. After the last number there is no limit.
//
// Any thread. Where counts outlive the program, no more is sent than what has been written down as if it were sent: a
// part of the day's number is promised, and when that promise is durable it may be used. So a program that is killed
// may lose a part of its day, and the next one never sends more than the number.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/base/time.h"
#include "engine/delivery/fair_line.h"
#include "engine/delivery/limit_group.h"
#include "engine/smtp/classification.h"

namespace delivery {

inline constexpr std::string_view kWarmupLimit = "warmup";  // As limits are named: the key of shaping files.

class Warmup;

// A site's part in it. Its shard uses it.
class WarmupMember {
 public:
  WarmupMember(std::shared_ptr<Warmup> warmup, GroupMember::Caller& caller, std::uint64_t site,
               const CampaignShare& share = {});
  WarmupMember(const WarmupMember&) = delete;
  WarmupMember& operator=(const WarmupMember&) = delete;
  ~WarmupMember();  // Gives back what it has begun and not written, and waits no more.
  Warmup& warmup() const { return *warmup_; }

 private:
  friend class Warmup;
  const std::shared_ptr<Warmup> warmup_;
  GroupMember::Caller& caller_;
  const std::uint64_t site_;
  const CampaignShare share_;
  std::uint64_t unwritten_ = 0, wanted_ = 0;
  // What its site says, among Warmup::said_.
  std::optional<std::map<std::vector<std::uint32_t>, std::uint64_t>::iterator> says_;
  base::ListHook line_hook_;
};

class Warmup {
 public:
  static constexpr double kUsedShare = 0.8;
  static constexpr double kBadShare = 0.05;
  // What outlives the program. `used` counts against the day's number, `sent` is what is certain of it.
  struct Kept {
    std::uint32_t days = 0;  // Of warming that are over.
    std::int64_t day = 0;    // That the rest is about; since 1970.
    std::uint64_t sent = 0, used = 0, bad = 0;
    bool suspended = false;
    std::uint32_t number = 0;  // That day's; 0: unknown, or there is none any more.
    // The day has been used, and clean: the next one has the next number. Requires: `day_number` > 0.
    bool IsAchieved(std::uint64_t day_number) const;
    // False: it is as good as new. So is a first day that is over and has achieved nothing.
    bool Matters(base::WallTime now) const;
    bool IsNew() const { return days == 0 && used == 0 && bad == 0 && !suspended; }
  };

  // `wants_save`: set where a promise is wanted, which Keep makes. Null: nothing outlives the program.
  explicit Warmup(std::atomic<bool>* wants_save) : wants_save_(wants_save) {}
  Warmup(const Warmup&) = delete;
  Warmup& operator=(const Warmup&) = delete;
  ~Warmup() = default;

  // Each site says what number each day has, and the least of each day holds. Where no site is left, what was last
  // stays.
  void SetNumbersOf(WarmupMember& member, const std::vector<std::uint32_t>& numbers);
  // Where no site has said anything yet, or says anything any more.
  void SetNumbers(const std::vector<std::uint32_t>& numbers);

  // How many messages wait there and could be begun, were there room.
  void SetWanted(WarmupMember& member, std::uint64_t wanted);
  // How many messages may be begun now. Where there is none the member is called as soon as there is; it asks again by
  // itself when the day is over.
  std::uint64_t Room(WarmupMember& member, base::WallTime now);
  [[nodiscard]] bool Take(WarmupMember& member, base::WallTime now);  // Begins one. False: there is no room any more.
  void Begin(WarmupMember& member);                                   // Likewise, without looking.
  void OnWritten(WarmupMember& member);
  void GiveBack(WarmupMember& member);  // One that was begun is not written.
  // Whether another source's mail may go here: `whole`, as much as there is; else as long as the day's number lasts.
  bool MayTakeOverflow(base::WallTime now, bool whole);
  // The day's number is used, or what is left of it is kept for other campaigns.
  bool IsUsedUpFor(const WarmupMember& member, base::WallTime now);

  // ---- what the receiver says ----
  static bool IsBad(smtp::Classification classification);
  void OnBad(base::WallTime now);  // To one of its messages.
  void OnSuspended(base::WallTime now);

  static std::int64_t DayOf(base::WallTime time);  // Since 1970.
  static base::WallTime EndOfDay(base::WallTime now);
  // When there may be more to begin, by the time alone.
  static base::WallTime NextRoom(base::WallTime now);

  // ---- what outlives the program ----
  // `exact`: nothing is sent any more. Else it has a promise where one is wanted…
  Kept Keep(base::WallTime now, bool exact);
  void OnKept();  // …and now this is durable.
  void Restore(const Kept& kept);
  Kept kept();
  bool IsUnused();  // Nobody is in it, and it is as new.

 private:
  friend class WarmupMember;
  // With the lock held:
  void TurnTo(base::WallTime now);
  bool IsOver() const { return kept_.days >= numbers_.size(); }
  std::uint64_t Number() const { return numbers_[kept_.days]; }  // Requires: not IsOver.
  std::uint64_t Left() const;
  std::uint64_t Portion() const;
  void WantPromise();
  void Apply(std::vector<std::uint32_t> numbers);
  void Forget(WarmupMember& member);
  // What one campaign has in it.
  struct Lane {
    std::uint32_t weight = 1;
    std::uint64_t members = 0, wanted = 0;
    std::uint64_t had = 0;  // Begun on this day.
    base::IntrusiveList<WarmupMember, &WarmupMember::line_hook_> line;
  };
  Lane& LaneOf(const WarmupMember& member) { return lanes_[member.share_.campaign]; }
  double KeptFor(const Lane& lane, std::uint64_t weights) const;
  std::uint64_t UnkeptOf(const Lane& lane) const;
  std::uint64_t RoomOf(const Lane& lane) const;
  void Want(WarmupMember& member, std::uint64_t wanted);
  void DoBegin(WarmupMember& member);
  void DoGiveBack(WarmupMember& member);
  // Calls who waits of each campaign that may begin some; not `few_too`: where it is worth the while.
  void CallThoseWithRoom(bool few_too);
  static void Call(Lane& lane);
  bool IsWaitedFor() const;
  void CallEveryone();

  std::atomic<bool>* const wants_save_;
  std::mutex mutex_;
  std::map<std::vector<std::uint32_t>, std::uint64_t> said_;  // By how many sites.
  std::vector<std::uint32_t> numbers_;                        // What holds.
  Kept kept_;
  std::uint64_t unwritten_ = 0;  // Of those that are counted as sent.
  bool wants_promise_ = false;
  std::uint64_t promised_ = 0;   // Of this day: so many may be used…
  std::uint64_t promising_ = 0;  // …and so many when what Keep said is durable.
  std::uint64_t members_ = 0;
  std::map<std::uint32_t, Lane> lanes_;  // By campaign.
  bool is_last_hour_ = false;
};

}  // namespace delivery
