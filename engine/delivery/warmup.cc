#include "engine/delivery/warmup.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr std::int64_t kDaySeconds = 24 * 3600;
constexpr std::int64_t kWarmDays = 180;  // Who has sent nothing for so long begins anew.
constexpr std::uint64_t kPortions = 8;   // A promise is this part of the day's number.
constexpr base::Duration kLastHour = base::Duration::Hours(1);

// Of each day the smaller number. After its last one a list has no limit.
std::vector<std::uint32_t> LeastOf(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> least = a.size() < b.size() ? b : a;
  for (std::size_t day = 0; day < std::min(a.size(), b.size()); ++day) least[day] = std::min(a[day], b[day]);
  return least;
}

}  // namespace

WarmupMember::WarmupMember(std::shared_ptr<Warmup> warmup, GroupMember::Caller& caller, std::uint64_t site,
                           const CampaignShare& share)
    : warmup_(std::move(warmup)), caller_(caller), site_(site), share_(share) {
  const std::lock_guard lock(warmup_->mutex_);
  ++warmup_->members_;
  Warmup::Lane& lane = warmup_->LaneOf(*this);
  ++lane.members;
  lane.weight = share.weight;
}

WarmupMember::~WarmupMember() {
  const std::lock_guard lock(warmup_->mutex_);
  --warmup_->members_;
  warmup_->Want(*this, 0);
  Warmup::Lane& lane = warmup_->LaneOf(*this);
  if (line_hook_.IsLinked()) lane.line.Remove(*this);
  --lane.members;
  while (unwritten_ > 0) warmup_->DoGiveBack(*this);
  warmup_->Forget(*this);
  warmup_->CallThoseWithRoom(/*few_too=*/true);
}

std::int64_t Warmup::DayOf(base::WallTime time) { return time.seconds() / kDaySeconds; }

base::WallTime Warmup::EndOfDay(base::WallTime now) {
  return base::WallTime::FromSeconds((DayOf(now) + 1) * kDaySeconds);
}

base::WallTime Warmup::NextRoom(base::WallTime now) {
  const base::WallTime end = EndOfDay(now), last_hour = end - kLastHour;
  return now < last_hour ? last_hour : end;
}

bool Warmup::IsBad(smtp::Classification classification) {
  switch (classification) {
    case smtp::Classification::kPolicyRelated:
    case smtp::Classification::kAuthenticationFailed:
    case smtp::Classification::kSpamBlock:
    case smtp::Classification::kSpamContent:
    case smtp::Classification::kRateLimited:
      return true;
    default:
      return false;
  }
}

bool Warmup::Kept::IsAchieved(std::uint64_t day_number) const {
  const auto count = static_cast<double>(sent);
  return count >= static_cast<double>(day_number) * kUsedShare && !suspended &&
         static_cast<double>(bad) <= count * kBadShare;
}

bool Warmup::Kept::Matters(base::WallTime now) const {
  if (IsNew() || day + kWarmDays <= DayOf(now)) return false;
  return days > 0 || day >= DayOf(now) || number == 0 || IsAchieved(number);
}

// What is begun and not written yet is of the new day. A clock that steps back by a moment begins no day twice; where
// it was wrong by days, the counts are of the day that it says now.
void Warmup::TurnTo(base::WallTime now) {
  is_last_hour_ = EndOfDay(now) - now <= kLastHour;
  const std::int64_t today = DayOf(now);
  if (today == kept_.day || today + 1 == kept_.day) return;
  if (today < kept_.day) {
    kept_.day = today;
    return;
  }
  kept_.sent -= std::min(kept_.sent, unwritten_);
  if (!IsOver() && kept_.IsAchieved(Number())) ++kept_.days;
  kept_ = {.days = kept_.days, .day = today, .sent = unwritten_, .used = unwritten_};
  promised_ = promising_ = 0;
  std::erase_if(lanes_, [](const auto& lane) { return lane.second.members == 0; });
  for (auto& [campaign, lane] : lanes_) lane.had = 0;
}

void Warmup::SetNumbersOf(WarmupMember& member, const std::vector<std::uint32_t>& numbers) {
  const std::lock_guard lock(mutex_);
  if (member.says_.has_value() && (*member.says_)->first == numbers) return;
  const auto says = said_.try_emplace(numbers, 0).first;
  ++says->second;
  Forget(member);
  member.says_ = says;
  Apply(numbers);
}

void Warmup::SetNumbers(const std::vector<std::uint32_t>& numbers) {
  const std::lock_guard lock(mutex_);
  if (said_.empty()) Apply(numbers);
}

// The site says nothing any more.
void Warmup::Forget(WarmupMember& member) {
  if (!member.says_.has_value()) return;
  const auto says = *member.says_;
  member.says_.reset();
  if (--says->second > 0) return;
  said_.erase(says);
  if (!said_.empty()) Apply(said_.begin()->first);
}

// Beside what sites say.
void Warmup::Apply(std::vector<std::uint32_t> numbers) {
  for (const auto& [said, sites] : said_) numbers = LeastOf(numbers, said);
  if (numbers == numbers_) return;
  numbers_ = std::move(numbers);
  CallEveryone();
}

// Of the day's number, as far as it may be used.
std::uint64_t Warmup::Left() const {
  if (IsOver()) return UINT64_MAX;
  const std::uint64_t most = wants_save_ == nullptr ? Number() : std::min(Number(), promised_);
  return most - std::min(most, kept_.used);
}

std::uint64_t Warmup::Portion() const { return IsOver() ? 0 : std::max<std::uint64_t>(1, Number() / kPortions); }

// In good time: while it is being written, what is left is used.
void Warmup::WantPromise() {
  if (wants_save_ == nullptr || IsOver() || promised_ >= Number() || Left() > Portion() / 2) return;
  wants_promise_ = true;
  wants_save_->store(true);
}

// ---- shares ----

// Of the day's number, for what waits of this campaign.
double Warmup::KeptFor(const Lane& lane, std::uint64_t weights) const {
  const double share = static_cast<double>(Number()) * lane.weight / static_cast<double>(weights);
  return std::min(static_cast<double>(lane.wanted), std::max(0.0, share - static_cast<double>(lane.had)));
}

// Of the day's number, promised or not. Where more is kept than there is, for one who has had more than his share
// before, each gets a part of what is left.
std::uint64_t Warmup::UnkeptOf(const Lane& lane) const {
  const std::uint64_t left = Number() - std::min(Number(), kept_.used);
  if (left == 0 || is_last_hour_ || lanes_.size() == 1) return left;
  std::uint64_t weights = lane.wanted == 0 ? lane.weight : 0;
  for (const auto& [campaign, one] : lanes_) weights += one.wanted > 0 ? one.weight : 0;
  double all = 0;
  for (const auto& [campaign, one] : lanes_) all += KeptFor(one, weights);
  double others = all - KeptFor(lane, weights);
  const auto whole = static_cast<double>(left);
  if (all > whole) others *= whole / all;
  return static_cast<std::uint64_t>(std::ceil(whole - std::min(others, whole)));
}

std::uint64_t Warmup::RoomOf(const Lane& lane) const {
  const std::uint64_t left = Left();
  return left == 0 || IsOver() ? left : std::min(left, UnkeptOf(lane));
}

void Warmup::Want(WarmupMember& member, std::uint64_t wanted) {
  LaneOf(member).wanted += wanted - member.wanted_;
  member.wanted_ = wanted;
}

void Warmup::SetWanted(WarmupMember& member, std::uint64_t wanted) {
  const std::lock_guard lock(mutex_);
  const bool are_fewer = wanted < member.wanted_;
  Want(member, wanted);
  if (are_fewer) CallThoseWithRoom(/*few_too=*/wanted == 0);
}

void Warmup::CallThoseWithRoom(bool few_too) {
  if (Left() == 0) return;
  for (auto& [campaign, lane] : lanes_) {
    if (lane.line.empty()) continue;
    const std::uint64_t least = few_too ? 1 : std::min<std::uint64_t>({lane.line.size(), Portion(), Left()});
    if (RoomOf(lane) >= least) Call(lane);
  }
}

// Whoever finds nothing stands in line again.
void Warmup::Call(Lane& lane) {
  while (!lane.line.empty()) {
    const WarmupMember& member = lane.line.PopFront();
    member.caller_.CallSite(member.site_, GroupMember::Call::kPump);
  }
}

bool Warmup::IsWaitedFor() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return !lane.second.line.empty(); });
}

void Warmup::CallEveryone() {
  for (auto& [campaign, lane] : lanes_) Call(lane);
}

// ---- messages ----

std::uint64_t Warmup::Room(WarmupMember& member, base::WallTime now) {
  const std::lock_guard lock(mutex_);
  TurnTo(now);
  WantPromise();
  Lane& lane = LaneOf(member);
  const std::uint64_t room = RoomOf(lane);
  if (room == 0 && !member.line_hook_.IsLinked()) lane.line.PushBack(member);
  if (room > 0 && member.line_hook_.IsLinked()) lane.line.Remove(member);
  return room;
}

void Warmup::DoBegin(WarmupMember& member) {
  if (member.wanted_ > 0) Want(member, member.wanted_ - 1);
  ++LaneOf(member).had;
  ++kept_.sent;
  ++kept_.used;
  ++unwritten_;
  ++member.unwritten_;
}

bool Warmup::Take(WarmupMember& member, base::WallTime now) {
  const std::lock_guard lock(mutex_);
  TurnTo(now);
  Lane& lane = LaneOf(member);
  if (RoomOf(lane) == 0) return false;
  DoBegin(member);
  if (lane.wanted == 0 && lanes_.size() > 1) CallThoseWithRoom(/*few_too=*/true);  // Nothing is kept for it any more.
  WantPromise();
  return true;
}

void Warmup::Begin(WarmupMember& member) {
  const std::lock_guard lock(mutex_);
  DoBegin(member);
}

void Warmup::OnWritten(WarmupMember& member) {
  const std::lock_guard lock(mutex_);
  CHECK(member.unwritten_ > 0);
  --member.unwritten_;
  --unwritten_;
}

void Warmup::DoGiveBack(WarmupMember& member) {
  CHECK(member.unwritten_ > 0 && kept_.used > 0 && kept_.sent > 0);
  --member.unwritten_;
  --unwritten_;
  --kept_.sent;
  --kept_.used;
  Lane& lane = LaneOf(member);
  lane.had -= std::min<std::uint64_t>(lane.had, 1);  // It may have begun on the day before.
  CallThoseWithRoom(/*few_too=*/false);
}

void Warmup::GiveBack(WarmupMember& member) {
  const std::lock_guard lock(mutex_);
  DoGiveBack(member);
}

bool Warmup::IsUsedUpFor(const WarmupMember& member, base::WallTime now) {
  const std::lock_guard lock(mutex_);
  TurnTo(now);
  return !IsOver() && UnkeptOf(LaneOf(member)) == 0;
}

bool Warmup::MayTakeOverflow(base::WallTime now, bool whole) {
  const std::lock_guard lock(mutex_);
  TurnTo(now);
  return IsOver() || (!whole && kept_.used < Number());
}

void Warmup::OnBad(base::WallTime now) {
  const std::lock_guard lock(mutex_);
  TurnTo(now);
  ++kept_.bad;
}

void Warmup::OnSuspended(base::WallTime now) {
  const std::lock_guard lock(mutex_);
  TurnTo(now);
  kept_.suspended = true;
}

Warmup::Kept Warmup::Keep(base::WallTime now, bool exact) {
  const std::lock_guard lock(mutex_);
  TurnTo(now);
  Kept kept = kept_;
  if (IsOver()) return kept;
  kept.number = numbers_[kept_.days];
  if (exact) return kept;
  promising_ = std::max(promised_, kept_.used);
  if (wants_promise_) promising_ = std::max(promising_, std::min(Number(), kept_.used + Portion()));
  kept.used = promising_;
  return kept;
}

void Warmup::OnKept() {
  const std::lock_guard lock(mutex_);
  promised_ = std::max(promised_, promising_);
  wants_promise_ = false;
  if (!IsWaitedFor()) return;
  if (Left() > 0) return CallThoseWithRoom(/*few_too=*/true);
  WantPromise();  // Who waits came after Keep.
}

void Warmup::Restore(const Kept& kept) {
  const std::lock_guard lock(mutex_);
  kept_ = kept;
  promised_ = kept.used;
}

Warmup::Kept Warmup::kept() {
  const std::lock_guard lock(mutex_);
  return kept_;
}

bool Warmup::IsUnused() {
  const std::lock_guard lock(mutex_);
  return members_ == 0 && kept_.IsNew();
}

}  // namespace delivery
