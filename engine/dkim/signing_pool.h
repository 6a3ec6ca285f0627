// Signing on several threads. Each has a seat: a Signer with a queue that its loop serves once per turn, one batch of
// its DigestSigner at a time, so that signing never holds up the loop: whoever came first, the next few of the same
// key, and where these are too few, others whose keys go together with it. A seat with two batches to do or more lends
// up to half of them to seats that have nothing to do: what spreads over the cores is work; limits stay where they are.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "engine/dkim/digest_signer.h"
#include "engine/dkim/signer.h"

namespace dkim {

class SigningPool {
 public:
  class Seat;
  struct Counts {
    std::uint64_t made = 0;        // Signatures, of all seats.
    std::uint64_t for_others = 0;  // Of these, by another seat than the one that was asked.
  };

  SigningPool() = default;
  ~SigningPool();  // No seat is left.

  // A seat for the thread that will use it and destroy it. `wake` ends the wait of that thread's loop; any thread may
  // call it until the seat is gone. `signer` may have its own copy of the keys: they are the same in every seat.
  std::unique_ptr<Seat> Join(std::unique_ptr<DigestSigner> signer, std::function<void()> wake);

  Counts counts() const { return {made_, for_others_}; }

 private:
  // A copy of a request on its way to another seat and back.
  struct Loan final : SignRequest {
    void OnSigned(const absl::Status&) override {}
    Seat* owner = nullptr;
    std::uint64_t ticket = 0;
    absl::Status status;
    bool is_done = false;
  };
  using Loans = std::vector<std::unique_ptr<Loan>>;

  void Return(Loans& loans);

  std::mutex mutex_;           // Guards the seats' mail.
  std::vector<Seat*> seats_;   // At the table.
  std::atomic<int> idle_ = 0;  // Seats that take work.
  std::atomic<std::uint64_t> made_ = 0, for_others_ = 0;
};

class SigningPool::Seat final : public Signer {
 public:
  ~Seat() override;
  void Sign(SignRequest& request) override { queue_.PushBack(request); }
  void Cancel(SignRequest& request) override;
  void Serve() override;
  bool WantsTurn() const override { return !queue_.empty() || !borrowed_.empty() || has_mail_; }

 private:
  friend class SigningPool;
  struct Lent {
    std::uint64_t ticket;
    SignRequest* request;
  };

  Seat(SigningPool& pool, std::unique_ptr<DigestSigner> signer, std::function<void()> wake)
      : pool_(pool), signer_(std::move(signer)), wake_(std::move(wake)) {}
  void TakeMail();
  void TakeBack(Loan& loan);
  void Lend();
  void SignBorrowed();
  void SignOwn();
  void SayWhetherIdle();

  SigningPool& pool_;
  const std::unique_ptr<DigestSigner> signer_;
  const std::function<void()> wake_;
  base::IntrusiveList<SignRequest, &SignRequest::queue_hook> queue_;
  // The batch at hand; null: told, or cancelled while others were told.
  std::vector<SignRequest*> batch_;
  std::vector<absl::Status> statuses_;
  std::vector<Lent> lent_;  // A few batches at most.
  std::uint64_t last_ticket_ = 0;
  std::deque<std::unique_ptr<Loan>> borrowed_;

  Loans to_sign_, returned_;           // Under the pool's mutex.
  std::atomic<bool> is_idle_ = false;  // It changes under the mutex.
  std::atomic<bool> has_mail_ = false;
};

}  // namespace dkim
