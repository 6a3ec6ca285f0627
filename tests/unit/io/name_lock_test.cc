#include "engine/io/name_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_format.h"

namespace io {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NameLock, OneHoldsIt) {
  const std::string prefix = absl::StrFormat("name-lock-test.%d.", getpid());
  absl::StatusOr<std::unique_ptr<NameLock>> one = NameLock::Take(prefix + "a");
  ASSERT_TRUE(one.ok());
  for (int i = 0; i < 100; ++i) {  // However often it is asked for.
    const absl::Status another = NameLock::Take(prefix + "a").status();
    EXPECT_TRUE(absl::IsUnavailable(another));
    EXPECT_THAT(std::string(another.message()),
                HasSubstr(absl::StrFormat("process %d of user %d", getpid(), getuid())));
  }
  const absl::StatusOr<std::unique_ptr<NameLock>> other = NameLock::Take(prefix + "b");
  EXPECT_TRUE(other.ok());
  EXPECT_THAT(NameLock::Held(prefix), Contains(prefix + "a"));
  EXPECT_THAT(NameLock::Held(prefix), Contains(prefix + "b"));
  EXPECT_THAT(NameLock::Held(prefix + "c"), IsEmpty());
  EXPECT_EQ(NameLock::HolderOf(prefix + std::string(107, 'x')), "another process");
  one->reset();
  EXPECT_TRUE(NameLock::Take(prefix + "a").ok());
}

}  // namespace
}  // namespace io
