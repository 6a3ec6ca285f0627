// A site's ready destinations by TLS policy: how many of their recipients wait, whose turn it is under each, and the
// turns of the policies themselves. It is told of each destination that changes, so that nobody has to look at all of
// them: there may be a hundred thousand, and those that wait under one policy stand in nobody's way under another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/intrusive_list.h"
#include "engine/delivery/destination.h"
#include "tls/policy.h"

namespace delivery {

class ReadyDemand {
 public:
  ReadyDemand() = default;
  ReadyDemand(const ReadyDemand&) = delete;
  ReadyDemand& operator=(const ReadyDemand&) = delete;
  ~ReadyDemand() {
    while (!turns_.empty()) turns_.PopFront();
    for (auto& [policy, of] : policies_) {
      while (!of.ready.empty()) of.ready.PopFront();
    }
  }

  // It is ready, and so many of its recipients wait; the first time it is the last of its policy, which stays the same
  // until Remove.
  void Count(Destination& destination, std::uint64_t recipients) {
    Destination::Demand& share = destination.demand;
    const auto [known, is_new] = policies_.try_emplace(destination.tls);
    Policy& of = known->second;
    if (is_new) {
      of.policy = &known->first;
      turns_.PushBack(of);
    }
    if (!share.is_counted) of.ready.PushBack(destination);
    of.recipients += recipients - share.recipients;
    all_ += recipients - share.recipients;
    share.is_counted = true;
    share.recipients = recipients;
  }
  void Remove(Destination& destination) {
    Destination::Demand& share = destination.demand;
    if (!share.is_counted) return;
    const auto known = policies_.find(destination.tls);
    CHECK(known != policies_.end());
    Policy& of = known->second;
    of.recipients -= share.recipients;
    all_ -= share.recipients;
    share.is_counted = false;
    share.recipients = 0;
    of.ready.Remove(destination);
    if (!of.ready.empty()) return;
    turns_.Remove(of);
    policies_.erase(known);
  }
  // It has had its turn.
  void MoveToBack(Destination& destination) {
    if (!destination.demand.is_counted) return;
    Policy& of = policies_.find(destination.tls)->second;
    of.ready.Remove(destination);
    of.ready.PushBack(destination);
  }

  // Whose turn it is under `policy`; null: nobody is ready.
  Destination* First(const tls::Policy& policy) const {
    const auto known = policies_.find(policy);
    return known == policies_.end() ? nullptr : &known->second.ready.front();
  }
  std::uint64_t Recipients(const tls::Policy& policy) const {
    const auto known = policies_.find(policy);
    return known == policies_.end() ? 0 : known->second.recipients;
  }
  std::uint64_t all() const { return all_; }  // Under any policy.
  std::size_t policies() const { return policies_.size(); }
  // Those under which somebody is ready, at most so many: who has had no turn for longest comes first.
  std::vector<tls::Policy> InTurn(std::size_t most) const {
    std::vector<tls::Policy> policies;
    const Policy* of = turns_.empty() ? nullptr : &turns_.front();
    for (; of != nullptr && policies.size() < most; of = turns_.Next(*of)) policies.push_back(*of->policy);
    return policies;
  }
  void EndTurn(const tls::Policy& policy) {
    const auto known = policies_.find(policy);
    if (known == policies_.end()) return;
    turns_.Remove(known->second);
    turns_.PushBack(known->second);
  }

 private:
  struct Policy {
    const tls::Policy* policy = nullptr;
    std::uint64_t recipients = 0;
    base::IntrusiveList<Destination, &Destination::policy_hook> ready;
    base::ListHook hook;
  };
  std::map<tls::Policy, Policy> policies_;
  base::IntrusiveList<Policy, &Policy::hook> turns_;
  std::uint64_t all_ = 0;
};

}  // namespace delivery
