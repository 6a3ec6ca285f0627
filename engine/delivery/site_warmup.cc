// The part of a site that keeps to its source's warm-up at the provider: messages beyond the day's number wait, or go
// by another source.

#include <utility>

#include "engine/base/check.h"
#include "engine/delivery/site.h"

namespace delivery {
namespace {

constexpr int kSentAwayAtOnce = 256, kLookedAtAtOnce = 256;
constexpr base::Duration kLookEvery = base::Duration::Seconds(1);
constexpr int kStuckAtOnce = 16;  // Destinations that no other source takes; the others are looked at later.
constexpr base::Duration kLookAgain = base::Duration::Minutes(1);  // Whether another source may send by now.

}  // namespace

void Site::SetWarmup(std::shared_ptr<Warmup> warmup) {
  if (warmup_ == nullptr || &warmup_->warmup() != warmup.get()) {
    warmup_.reset();
    if (warmup == nullptr) return;
    warmup_ = std::make_unique<WarmupMember>(std::move(warmup), context_.caller, id_,
                                             CampaignShare{context_.job.campaign_number, context_.job.weight});
    for (std::uint32_t i = 0; i < unwritten_; ++i) warmup_->warmup().Begin(*warmup_);
  }
  warmup_->warmup().SetNumbersOf(*warmup_, limits_.warmup);
}

// So much is not kept for it where it may not begin anything.
void Site::TellWarmup() {
  if (warmup_ == nullptr) return;
  const bool may_begin = !IsStopped() && !HeldUntil().has_value();
  warmup_->warmup().SetWanted(*warmup_, may_begin ? demand_.all() : 0);
}

// Of the day's number. Where there is none the site is pumped when there is.
std::uint64_t Site::WarmupRoom() {
  if (warmup_ == nullptr) return UINT64_MAX;
  const base::WallTime now = context_.clock.WallNow();
  const std::uint64_t room = warmup_->warmup().Room(*warmup_, now);
  if (room > 0) return room;
  throttle_.Note(kWarmupLimit);
  SetTimer(context_.clock.Now() + (Warmup::NextRoom(now) - now));
  return 0;
}

bool Site::TakeOfWarmup() { return warmup_ == nullptr || warmup_->warmup().Take(*warmup_, context_.clock.WallNow()); }

bool Site::MayTakeOverflow(bool whole) const {
  if (IsStopped() || HeldUntil().has_value()) return false;
  return warmup_ == nullptr || warmup_->warmup().MayTakeOverflow(context_.clock.WallNow(), whole);
}

// The day's number is used up: whoever was never tried goes by another source. The others keep to this one.
void Site::SendOverflow() {
  if (warmup_ == nullptr || limits_.overflow != config::Overflow::kWarm) return;
  // Only while the whole number is used or kept for others: what is promised comes in a moment.
  const auto is_used_up = [this] { return warmup_->warmup().IsUsedUpFor(*warmup_, context_.clock.WallNow()); };
  if (!is_used_up()) return;
  const base::Instant now = context_.clock.Now();
  if (overflow_left_ == 0) {
    if (ready_.empty()) return;
    if (now < overflow_next_) return SetTimer(overflow_next_);
    overflow_left_ = ready_.size();
    overflow_next_ = now + kLookEvery;
  }
  int sent = 0, stuck = 0;
  for (int n = 0; n < kLookedAtAtOnce && overflow_left_ > 0 && stuck < kStuckAtOnce; ++n) {
    if (ready_.empty()) {
      overflow_left_ = 0;
      break;
    }
    --overflow_left_;
    Destination& destination = ready_.front();
    MoveTo(destination, Destination::Place::kReady);  // To the back.
    if (destination.key.via != 0) continue;           // It has been given to this source.
    const int sent_before = sent;
    while (sent < kSentAwayAtOnce && is_used_up()) {
      const auto recipient = destination.queue.ClaimUntried(context_.settler.now_s());
      if (!recipient.has_value()) break;
      ++sent;
      if (context_.settler.SettleUntried(destination.queue, *recipient)) continue;
      if (owner_.SendByAnother(destination, *recipient)) continue;
      destination.queue.Unclaim(*recipient);
      --sent;
      ++stuck;
      break;
    }
    if (sent != sent_before) Reconsider(destination);  // Else it would be looked at again at once.
    if (sent == kSentAwayAtOnce) break;
  }
  if (sent == kSentAwayAtOnce) {  // Perhaps of one that has more.
    overflow_left_ = ready_.size();
    return owner_.WantsPump(*this);
  }
  if (stuck > 0) {
    overflow_left_ = 0;
    SetTimer(now + kLookAgain);
  } else if (overflow_left_ > 0) {
    owner_.WantsPump(*this);
  }
}

}  // namespace delivery
