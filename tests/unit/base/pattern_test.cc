#include "engine/base/pattern.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace base {
namespace {

TEST(Pattern, IsFoundAnywhereUnlessItSaysWhere) {
  const Pattern pattern = *Pattern::Compile("^(?!.*ours).*RL0\\d+");
  EXPECT_TRUE(pattern.IsIn("421 4.1.0 RL000010 throttled"));
  EXPECT_FALSE(pattern.IsIn("421 4.1.0 ours RL000010"));
  EXPECT_FALSE(pattern.IsIn(""));
}

TEST(Pattern, SaysWhatIsWrongWithIt) {
  const absl::StatusOr<Pattern> wrong = Pattern::Compile("(");
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(std::string(wrong.status().message()), testing::HasSubstr("\"(\" is no regular expression"));
}

TEST(Pattern, GivesUpOnATextThatMakesItSlow) {
  EXPECT_FALSE(Pattern::Compile("^(a+)+b")->IsIn(std::string(1000, 'a') + "!"));
}

}  // namespace
}  // namespace base
