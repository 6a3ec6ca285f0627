// Who waits for his turn, a lane for each campaign. The next is of the lane that has had the least for its weight
// (start-time fair queueing; Goyal, Vin, Cheng 1996). Its owner's lock guards it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

#include "engine/base/intrusive_list.h"

namespace delivery {

// Whose share of what campaigns have together.
struct CampaignShare {
  std::uint32_t campaign = 0;  // Number in the program.
  std::uint32_t weight = 1;    // At least 1.
};

// Requires of T: `CampaignShare share() const`.
template <typename T, base::ListHook T::*kHook>
class FairLine {
 public:
  std::size_t size() const { return size_; }
  // Null: nobody waits. The campaign with the lowest number, of several that have had as little.
  T* First() const {
    const Lane* first = nullptr;
    for (const auto& [campaign, lane] : lanes_) {
      if (!lane.waiters.empty() && (first == nullptr || lane.served < first->served)) first = &lane;
    }
    return first == nullptr ? nullptr : &first->waiters.front();
  }
  void Join(T& waiter) {
    LaneOf(waiter).waiters.PushBack(waiter);
    ++size_;
  }
  void Leave(T& waiter) {  // Requires: he waits.
    lanes_.at(waiter.share().campaign).waiters.Remove(waiter);
    --size_;
  }
  void OnServed(const T& waiter) {  // One is his, whether he stood here or not.
    Lane& lane = LaneOf(waiter);
    served_ = std::max(served_, lane.served);
    lane.served += 1.0 / waiter.share().weight;
  }
  template <typename Visit>
  void ForEach(Visit visit) const {  // Who waits, in no order.
    for (const auto& [campaign, lane] : lanes_) {
      for (T* one = lane.waiters.empty() ? nullptr : &lane.waiters.front(); one != nullptr;
           one = lane.waiters.Next(*one))
        visit(*one);
    }
  }

 private:
  struct Lane {
    double served = 0;  // What it had, over its weight.
    base::IntrusiveList<T, kHook> waiters;
  };
  // Who comes anew is treated as if he had had as much as the others: a rest saves up nothing.
  Lane& LaneOf(const T& waiter) {
    Lane& lane = lanes_[waiter.share().campaign];
    if (lane.waiters.empty()) lane.served = std::max(lane.served, served_);
    return lane;
  }

  std::map<std::uint32_t, Lane> lanes_;  // By campaign.
  double served_ = 0;                    // Of the lane that was served last.
  std::size_t size_ = 0;
};

}  // namespace delivery
