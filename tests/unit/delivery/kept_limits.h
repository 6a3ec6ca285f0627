// What tests of the limits that a host remembers share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/delivery/host_limits.h"

namespace delivery {

constexpr base::Instant kNow = base::Instant::FromNanoseconds(5'000'000'000);
constexpr base::WallTime kWall = base::WallTime::FromSeconds(1'800'000'000);
inline const SiteStanding::Options kSlow{
    .limits = {.connections = 20, .message_rate = base::Rate{1, base::Duration::Minutes(10), 1}}};

inline const std::vector<std::string> kEvery = ScopesOf("", "");

class Nobody final : public GroupMember::Caller {
  void CallSite(std::uint64_t, GroupMember::Call) override {}
};

inline void Send(const std::shared_ptr<SiteStanding>& site, base::Instant now) {
  Nobody nobody;
  GroupMember member(std::shared_ptr<LimitGroup>(site, &site->group()), GroupMember::Identity{nobody, 1, 0, 1});
  site->group().Begin(member);
  EXPECT_TRUE(site->group().TakeToken(member, now));
  site->group().OnWritten(member);
}

}  // namespace delivery
