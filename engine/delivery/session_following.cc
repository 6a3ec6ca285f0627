// The part of a session that sends messages one behind the other: the next one is sealed early, and its envelope goes
// with the content of the one before; or all of it goes, and several are in flight.

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/delivery/session.h"

namespace delivery {

smtp::Client::Transaction Session::TransactionOf(const Sealed& sealed) {
  smtp::Client::Transaction transaction;
  transaction.sender = sealed.sender();
  transaction.recipient = sealed.recipient();
  transaction.content = sealed.pieces();
  transaction.size = sealed.size();
  transaction.needs_smtputf8 = sealed.needs_smtputf8();
  return transaction;
}

bool Session::MayTakeNext() const {
  if (options_.in_flight_max > 1 && client_.MayQueue()) {
    const auto behind = static_cast<std::uint32_t>(in_flight_.size());
    return state_ == State::kSending && !next_.has_value() && behind + 1 < options_.in_flight_max &&
           !IsWornOutAfter(behind);
  }
  const bool under_way = state_ == State::kSending || state_ == State::kCommitting;
  return under_way && !next_.has_value() && client_.HasUseForFollowers() &&
         !IsWornOutAfter(follower_.has_value() ? 1 : 0);
}

absl::Status Session::SealNext(Destination& destination, ledger::RecipientId recipient) {
  CHECK(MayTakeNext());
  absl::StatusOr<std::unique_ptr<Sealed>> sealed = context_.sealer.Seal(recipient, *this);
  if (!sealed.ok()) return sealed.status();
  next_ = Waiting();
  next_->destination = &destination;
  next_->recipient = recipient;
  next_->sealed = *std::move(sealed);
  if (next_->sealed->IsReady()) OnSealed(absl::OkStatus());
  return absl::OkStatus();
}

// The client has it then, and sends its envelope behind the content that is to leave. What comes too late, or is not
// taken there, waits until the session is ready.
void Session::GiveNext() {
  if (next_.has_value() && options_.in_flight_max > 1 && client_.MayQueue()) {
    const bool may_go = next_->sealed->IsReady() && !next_->attempted && client_.Accepts(TransactionOf(*next_->sealed));
    if (may_go) owner_.OnNextSealed(*this);
    return;
  }
  if (!next_.has_value() || !next_->sealed->IsReady() || follower_.has_value() || !client_.MayFollow()) return;
  const smtp::Client::Transaction transaction = TransactionOf(*next_->sealed);
  if (!client_.Accepts(transaction)) return;
  follower_ = std::exchange(next_, std::nullopt);
  client_.Follow(transaction);
}

void Session::OnFollowerWritten() {
  follower_->written = true;
  follower_->written_at = context_.clock.Now();
  owner_.OnSessionMayTakeNext(*this);
}

// ---- attempts whose token does not come ----

void Session::Withhold() {
  if (WritesNext()) {  // Those before it go on.
    context_.sealer.Recycle(std::move(next_->sealed));
    next_.reset();
    return;
  }
  CHECK(state_ == State::kCommitting);
  state_ = State::kClosing;
  context_.sealer.Recycle(std::move(sealed_));
  destination_ = nullptr;
  if (!client_.IsReady()) return OnFinished();  // The server has gone, or waits for content that does not come.
  owner_.OnSessionClosing(*this);
  client_.Quit();
  Advance();
}

// ---- in flight with others ----

void Session::CommitNext() {
  CHECK(next_.has_value() && !next_->attempted);
  next_->attempted = true;
  next_->sealed_at = context_.clock.Now();
  if (context_.bugs.skip_attempt_barrier) {
    WriteNext();
    Advance();
  } else {
    context_.commits.Wait(*this);
  }
}

void Session::WriteNext() {
  CHECK(next_.has_value() && next_->attempted);
  in_flight_.push_back(*std::exchange(next_, std::nullopt));
  Waiting& written = in_flight_.back();
  written.written = true;
  written.written_at = context_.clock.Now();
  client_.Queue(TransactionOf(*written.sealed));
  owner_.OnSessionWrites(*this);
  owner_.OnSessionMayTakeNext(*this);
}

// Those before it are over while its attempt is on its way to the disk: it goes as any other when it is there.
void Session::TakeCommittedNext() {
  state_ = State::kCommitting;
  context_.timers.Cancel(timer_);
  TakeOver(next_);
  attempted_ = true;
  ++uses_;
}

void Session::TakeOver(std::optional<Waiting>& waiting) {
  destination_ = waiting->destination;
  recipient_ = waiting->recipient;
  sealed_ = std::move(waiting->sealed);
  size_ = sealed_->size();
  signed_before_ = sealed_->was_made_before();
  sealed_at_ = busy_since_ = context_.clock.Now();
  written_at_ = waiting->written ? waiting->written_at : busy_since_;
  waiting.reset();
  attempted_ = is_written_ = false;
}

void Session::OnFollowing() {
  if (!in_flight_.empty()) {
    std::optional<Waiting> first = std::move(in_flight_.front());
    in_flight_.pop_front();
    const base::Duration queued = first->written_at - first->sealed_at;
    TakeOver(first);
    attempted_ = is_written_ = true;
    timings_.queue = static_cast<std::uint32_t>(std::clamp<std::int64_t>(queued.microseconds(), 0, UINT32_MAX));
    ++uses_;
    state_ = State::kSending;
    owner_.OnSessionMayTakeNext(*this);
    return;
  }
  CHECK(follower_.has_value() && follower_->written);
  TakeOver(follower_);
  ++uses_;
  state_ = State::kSending;
  GiveNext();
  owner_.OnSessionMayTakeNext(*this);
}

// The transaction ended before its content, and whoever was to follow begins as any other.
void Session::TakeNextNow() {
  state_ = State::kSealing;
  context_.timers.Cancel(timer_);
  TakeOver(follower_.has_value() ? follower_ : next_);
  if (sealed_->IsReady()) OnSealed(absl::OkStatus());
}

void Session::OnContentWanted() { owner_.OnSessionContentWanted(*this); }

void Session::CommitContent() {
  CHECK(state_ == State::kSending && !attempted_);
  attempted_ = true;
  only_content_ = true;
  state_ = State::kCommitting;
  context_.timers.Cancel(timer_);
  if (context_.bugs.skip_attempt_barrier) {
    SendContent();
  } else {
    context_.commits.Wait(*this);
  }
}

void Session::DropContent() {
  CHECK(state_ == State::kSending && !attempted_);
  dropped_ = true;  // The session ends with it.
  client_.OnClosed(/*error=*/0, /*unsent=*/0, /*connected=*/true);
}

void Session::SendContent() {
  only_content_ = false;
  is_written_ = true;
  owner_.OnSessionWrites(*this);
  written_at_ = context_.clock.Now();
  timings_.queue =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>((written_at_ - sealed_at_).microseconds(), 0, UINT32_MAX));
  state_ = State::kSending;
  client_.SendContent(written_at_);
}

void Session::ReleaseNext() {
  const bool unsent = follower_.has_value() && !follower_->written && !client_.IsFollowerSent();
  if (unsent) client_.Unfollow();
  for (std::optional<Waiting>* const slot : {unsent ? &follower_ : nullptr, &next_}) {
    if (slot == nullptr || !slot->has_value() || (*slot)->attempted) continue;
    Waiting lost = *std::exchange(*slot, std::nullopt);
    context_.sealer.Recycle(std::move(lost.sealed));
    owner_.OnNextLost(lost);
  }
}

// The session ends: who waits goes on another one.
void Session::LoseWaiting() {
  for (std::optional<Waiting>* const slot : {&follower_, &next_}) {
    if (!slot->has_value()) continue;
    Waiting lost = *std::exchange(*slot, std::nullopt);
    context_.sealer.Keep(lost.recipient, std::move(lost.sealed));
    owner_.OnNextLost(lost);
  }
}

}  // namespace delivery
