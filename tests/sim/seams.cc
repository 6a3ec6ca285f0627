#include "tests/sim/seams.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/stable_hash.h"

namespace sim {

SimSigner::~SimSigner() {
  alive_.reset();
  while (!waiting_.empty()) waiting_.PopFront();
}

std::string SimSigner::SignatureOf(std::uint32_t key, const dkim::Digest& digest) {
  const std::string_view bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  return absl::StrFormat("%016x", base::StableHash(bytes, key + 1));
}

void SimSigner::Sign(dkim::SignRequest& request) {
  const std::uint64_t number = ++last_number_;
  waiting_.PushBack(request);
  by_number_.emplace(number, &request);
  const bool fails = world_.prng().Chance(fail_share_);
  world_.After(world_.Between(base::Duration::Microseconds(100), longest_),
               [this, number, fails, alive = std::weak_ptr<bool>(alive_)] {
                 if (alive.expired()) return;
                 const auto found = by_number_.find(number);
                 if (found == by_number_.end()) return;  // Cancelled.
                 dkim::SignRequest& due = *found->second;
                 by_number_.erase(found);
                 waiting_.Remove(due);
                 due.signature = SignatureOf(due.key, due.digest);
                 due.OnSigned(fails ? absl::InternalError("the key cannot sign") : absl::OkStatus());
                 after_();
               });
}

void SimSigner::Cancel(dkim::SignRequest& request) {
  if (!request.queue_hook.IsLinked()) return;
  waiting_.Remove(request);
  std::erase_if(by_number_, [&request](const auto& entry) { return entry.second == &request; });
}

}  // namespace sim
