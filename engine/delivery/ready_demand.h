// How many recipients wait at a site's ready destinations, by TLS policy. It is told of each destination that changes,
// so that nobody has to look at all of them: there may be a hundred thousand.
#pragma once

#include <cstdint>
#include <map>

#include "engine/base/check.h"
#include "tls/policy.h"

namespace delivery {

class ReadyDemand {
 public:
  // What a destination counts for; kept by it. Not counted: it is not ready.
  struct Share {
    bool is_counted = false;
    std::uint64_t recipients = 0;
  };

  // It is ready, under `policy`, and so many of its recipients wait. `policy` is the same until Remove.
  void Count(const tls::Policy& policy, std::uint64_t recipients, Share& share) {
    Sum& sum = sums_[policy];
    sum.destinations += share.is_counted ? 0 : 1;
    sum.recipients += recipients - share.recipients;
    all_ += recipients - share.recipients;
    share = {.is_counted = true, .recipients = recipients};
  }
  void Remove(const tls::Policy& policy, Share& share) {
    if (!share.is_counted) return;
    const auto sum = sums_.find(policy);
    CHECK(sum != sums_.end());
    sum->second.recipients -= share.recipients;
    all_ -= share.recipients;
    if (--sum->second.destinations == 0) sums_.erase(sum);
    share = {};
  }

  std::uint64_t Recipients(const tls::Policy& policy) const {
    const auto sum = sums_.find(policy);
    return sum == sums_.end() ? 0 : sum->second.recipients;
  }
  std::uint64_t all() const { return all_; }  // Under any policy.
  // The policy of all of them; null: there are several, or none.
  const tls::Policy* OnlyPolicy() const { return sums_.size() == 1 ? &sums_.begin()->first : nullptr; }

 private:
  struct Sum {
    std::uint64_t destinations = 0, recipients = 0;
  };
  std::map<tls::Policy, Sum> sums_;
  std::uint64_t all_ = 0;
};

}  // namespace delivery
