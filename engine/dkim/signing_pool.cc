#include "engine/dkim/signing_pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/base/check.h"

namespace dkim {
namespace {

constexpr std::size_t kLookedAtOnce = 64;  // Requests, for one batch.
constexpr std::size_t kLentAtOnce = 8;     // Signatures, at most: some more than the lender makes in one turn.

// Fills a batch. `take(fits)` moves requests with a key that `fits` from what waits into it, as long as there is room.
// Those of the first one's key come before others: where many wait, signed with several keys, a batch of each is whole.
template <typename Take>
void Gather(const DigestSigner& signer, std::uint32_t first, const Take& take) {
  take([first](std::uint32_t key) { return key == first; });
  take([first, &signer](std::uint32_t key) { return signer.GoTogether(first, key); });
}

}  // namespace

SigningPool::~SigningPool() { CHECK(seats_.empty()); }

std::unique_ptr<SigningPool::Seat> SigningPool::Join(std::unique_ptr<DigestSigner> signer, std::function<void()> wake) {
  std::unique_ptr<Seat> seat(new Seat(*this, std::move(signer), std::move(wake)));
  const std::lock_guard lock(mutex_);
  seats_.push_back(seat.get());
  return seat;
}

// Requires: the mutex is held. Loans of seats that are gone are dropped.
void SigningPool::Return(Loans& loans) {
  for (std::unique_ptr<Loan>& loan : loans) {
    Seat* const owner = loan->owner;
    if (std::find(seats_.begin(), seats_.end(), owner) == seats_.end()) continue;
    owner->returned_.push_back(std::move(loan));
    if (!owner->has_mail_.exchange(true)) owner->wake_();
  }
  loans.clear();
}

SigningPool::Seat::~Seat() {
  while (!queue_.empty()) queue_.PopFront();
  const std::lock_guard lock(pool_.mutex_);
  std::erase(pool_.seats_, this);
  if (is_idle_) --pool_.idle_;
  std::move(borrowed_.begin(), borrowed_.end(), std::back_inserter(to_sign_));
  pool_.Return(to_sign_);  // As they came: their owners do them.
}

void SigningPool::Seat::Cancel(SignRequest& request) {
  if (request.queue_hook.IsLinked()) {
    queue_.Remove(request);
    return;
  }
  std::replace(batch_.begin(), batch_.end(), &request, static_cast<SignRequest*>(nullptr));
  std::erase_if(lent_, [&request](const Lent& lent) { return lent.request == &request; });
}

void SigningPool::Seat::Serve() {
  if (has_mail_) TakeMail();
  Lend();
  if (!borrowed_.empty()) {  // First: these are few, and somebody waits.
    SignBorrowed();
  } else if (!queue_.empty()) {
    SignOwn();
  }
  SayWhetherIdle();
}

void SigningPool::Seat::TakeMail() {
  Loans returned;
  {
    const std::lock_guard lock(pool_.mutex_);
    has_mail_ = false;
    std::move(to_sign_.begin(), to_sign_.end(), std::back_inserter(borrowed_));
    to_sign_.clear();
    returned.swap(returned_);
  }
  for (const std::unique_ptr<Loan>& loan : returned) TakeBack(*loan);
}

void SigningPool::Seat::TakeBack(Loan& loan) {
  const auto lent =
      std::find_if(lent_.begin(), lent_.end(), [&](const Lent& one) { return one.ticket == loan.ticket; });
  if (lent == lent_.end()) return;  // Cancelled.
  SignRequest& request = *lent->request;
  lent_.erase(lent);
  if (!loan.is_done) return queue_.PushFront(request);
  request.signature = std::move(loan.signature);
  request.OnSigned(loan.status);
}

void SigningPool::Seat::Lend() {
  const std::size_t batch = signer_->batch_max();
  if (queue_.size() < 2 * batch || pool_.idle_ == 0) return;
  const std::lock_guard lock(pool_.mutex_);
  for (Seat* seat : pool_.seats_) {
    if (!seat->is_idle_ || seat == this) continue;
    std::size_t count = std::min(queue_.size() / 2, kLentAtOnce) / batch * batch;
    if (count == 0) return;
    for (; count > 0; --count) {
      SignRequest& request = queue_.PopFront();
      auto loan = std::make_unique<Loan>();
      loan->key = request.key;
      loan->digest = request.digest;
      loan->owner = this;
      loan->ticket = ++last_ticket_;
      lent_.push_back({loan->ticket, &request});
      seat->to_sign_.push_back(std::move(loan));
    }
    seat->is_idle_ = false;
    --pool_.idle_;
    if (!seat->has_mail_.exchange(true)) seat->wake_();
  }
}

void SigningPool::Seat::SignBorrowed() {
  Loans batch;
  Gather(*signer_, borrowed_.front()->key, [&](const auto& fits) {
    for (auto next = borrowed_.begin(); next != borrowed_.end() && batch.size() < signer_->batch_max();) {
      if (fits((*next)->key)) {
        batch.push_back(std::move(*next));
        next = borrowed_.erase(next);
      } else {
        ++next;
      }
    }
  });
  std::vector<SignRequest*> requests;
  for (const std::unique_ptr<Loan>& loan : batch) requests.push_back(loan.get());
  statuses_.assign(batch.size(), absl::OkStatus());
  signer_->SignDigests(requests, absl::MakeSpan(statuses_));
  pool_.made_ += batch.size();
  pool_.for_others_ += batch.size();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i]->status = std::move(statuses_[i]);
    batch[i]->is_done = true;
  }
  const std::lock_guard lock(pool_.mutex_);
  pool_.Return(batch);
}

void SigningPool::Seat::SignOwn() {
  Gather(*signer_, queue_.front().key, [this](const auto& fits) {
    SignRequest* next = queue_.empty() ? nullptr : &queue_.front();
    for (std::size_t n = 0; next != nullptr && batch_.size() < signer_->batch_max() && n < kLookedAtOnce; ++n) {
      SignRequest& request = *next;
      next = queue_.Next(request);
      if (!fits(request.key)) continue;
      queue_.Remove(request);
      batch_.push_back(&request);
    }
  });
  statuses_.assign(batch_.size(), absl::OkStatus());
  signer_->SignDigests(batch_, absl::MakeSpan(statuses_));
  pool_.made_ += batch_.size();
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (SignRequest* const request = std::exchange(batch_[i], nullptr)) request->OnSigned(statuses_[i]);
  }
  batch_.clear();
}

void SigningPool::Seat::SayWhetherIdle() {
  const bool idle = queue_.empty() && borrowed_.empty();
  if (idle == is_idle_) return;
  const std::lock_guard lock(pool_.mutex_);
  const bool now = idle && to_sign_.empty();
  if (now == is_idle_) return;
  is_idle_ = now;
  pool_.idle_ += now ? 1 : -1;
}

}  // namespace dkim
