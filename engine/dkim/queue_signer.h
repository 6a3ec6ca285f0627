// A Signer with a queue that the shard serves once per turn: one batch of the DigestSigner at a time, in the order of
// arrival, so that signing never holds up the loop.
#pragma once

#include <memory>
#include <vector>

#include "engine/dkim/digest_signer.h"
#include "engine/dkim/signer.h"

namespace dkim {

class QueueSigner final : public Signer {
 public:
  explicit QueueSigner(std::unique_ptr<DigestSigner> signer) : signer_(std::move(signer)) {}
  ~QueueSigner() override;

  void Sign(SignRequest& request) override { queue_.PushBack(request); }
  void Cancel(SignRequest& request) override;
  void Serve() override;
  bool WantsTurn() const override { return !queue_.empty(); }

 private:
  const std::unique_ptr<DigestSigner> signer_;
  base::IntrusiveList<SignRequest, &SignRequest::queue_hook> queue_;
  // The batch at hand; null: told, or cancelled while others were told.
  std::vector<SignRequest*> batch_;
  std::vector<absl::Status> statuses_;
};

}  // namespace dkim
