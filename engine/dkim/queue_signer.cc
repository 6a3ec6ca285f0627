#include "engine/dkim/queue_signer.h"

#include <algorithm>
#include <utility>

namespace dkim {

QueueSigner::~QueueSigner() {
  while (!queue_.empty()) queue_.PopFront();
}

void QueueSigner::Cancel(SignRequest& request) {
  if (request.queue_hook.IsLinked()) {
    queue_.Remove(request);
  } else {
    std::replace(batch_.begin(), batch_.end(), &request, static_cast<SignRequest*>(nullptr));
  }
}

void QueueSigner::Serve() {
  while (!queue_.empty() && batch_.size() < signer_->batch_max()) batch_.push_back(&queue_.PopFront());
  if (batch_.empty()) return;
  statuses_.assign(batch_.size(), absl::OkStatus());
  signer_->SignDigests(batch_, absl::MakeSpan(statuses_));
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (SignRequest* const request = std::exchange(batch_[i], nullptr)) request->OnSigned(statuses_[i]);
  }
  batch_.clear();
}

}  // namespace dkim
