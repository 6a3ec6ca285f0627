// A warm-up, and sites that send as much as it has room for.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/time.h"
#include "engine/delivery/warmup.h"

namespace delivery {

inline constexpr base::WallTime kMorning = base::WallTime::FromSeconds(20'000LL * 86'400 + 9 * 3600);
inline constexpr base::Duration kDay = base::Duration::Hours(24);

class Calls final : public GroupMember::Caller {
 public:
  std::vector<std::uint64_t> sites;

 private:
  void CallSite(std::uint64_t site, GroupMember::Call) override { sites.push_back(site); }
};

class WarmupTest : public testing::Test {
 protected:
  // Sends as much as there is room for; returns how much.
  std::uint64_t SendAll(WarmupMember& member, base::WallTime now, std::uint64_t most = 1000) {
    std::uint64_t sent = 0;
    for (; sent < most && warmup_->Take(member, now); ++sent) warmup_->OnWritten(member);
    return sent;
  }
  Calls calls_;
  const std::shared_ptr<Warmup> warmup_ = std::make_shared<Warmup>(nullptr);
};

}  // namespace delivery
