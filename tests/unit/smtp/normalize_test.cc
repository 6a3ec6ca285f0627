#include "engine/smtp/normalize.h"

#include <string>

#include "gtest/gtest.h"

namespace smtp {
namespace {

TEST(NormalizeReplyText, IsTheSameForMessagesOfDifferentRecipients) {
  const std::string one = NormalizeReplyText("<zoe@example.com>: Blocked by mx1.example.com id=4F3a (192.0.2.1)");
  EXPECT_EQ(one, "<#>: blocked by # id=# (#)");
  EXPECT_EQ(NormalizeReplyText("<max.b@example.org>: blocked by  mx22.example.com id=9 (2001:db8::7)"),
            "<#>: blocked by # id=# (#:#::#)");
}

TEST(NormalizeReplyText, KeepsOtherWordsApart) {
  EXPECT_NE(NormalizeReplyText("Blocked by policy"), NormalizeReplyText("Blocked by content"));
  EXPECT_EQ(NormalizeReplyText("Not accepted."), "not accepted.");
  EXPECT_EQ(NormalizeReplyText(""), "");
}

TEST(NormalizeReplyText, IsAtMost200BytesLong) {
  EXPECT_EQ(NormalizeReplyText(std::string(1000, 'a')).size(), 200u);
  EXPECT_EQ(NormalizeReplyText(std::string(150, 'a') + " " + std::string(150, 'b')).size(), 200u);
}

}  // namespace
}  // namespace smtp
