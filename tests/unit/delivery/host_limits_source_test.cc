#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/delivery/kept_limits.h"

namespace delivery {
namespace {

using base::Duration;
using ::testing::HasSubstr;
using ::testing::Not;

// By whatever name the source goes by then.
TEST(HostLimits, WhatASourceOwesOverAllSitesOutlivesTheProgram) {
  HostLimits before;
  Nobody nobody;
  const LimitOptions slow{.message_rate = base::Rate{1, Duration::Minutes(10), 1}};
  const auto name = [](const char* source) {
    return HostLimits::GroupName{HostLimits::Kind::kSource, source, HostLimits::kAllSites};
  };
  {
    const auto group = before.Group(name("one"), slow, kNow);
    GroupMember member(group, GroupMember::Identity{nobody, 1, 0, 1});
    group->Begin(member);
    ASSERT_TRUE(group->TakeToken(member, kNow));
    group->OnWritten(member);
  }
  EXPECT_THAT(before.Save("two", kNow, kWall, {}), Not(HasSubstr("source")));
  HostLimits after;
  ASSERT_TRUE(after.Load(before.Save("one", kNow, kWall, {}), "renamed", kNow, kWall).ok());
  EXPECT_EQ(after.Group(name("renamed"), slow, kNow)->TokenAt(), kNow + Duration::Minutes(10));
  EXPECT_EQ(after.Group(name("two"), slow, kNow)->TokenAt(), kNow);
}

}  // namespace
}  // namespace delivery
