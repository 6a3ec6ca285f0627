#include "tls/stored_sessions.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/tls/connection.h"

namespace tls {
namespace {

using testing::Connection;
using testing::kTrusting;
using testing::kVerifying;
using testing::ServerSettings;

const base::WallTime kNow = base::WallTime::FromSeconds(1'800'000'000);

TEST(StoredSessions, WhatIsTakenIsGone) {
  StoredSessions stored;
  stored.Give("a\nb", {"one", kNow + base::Duration::Hours(1)});
  stored.Give("a\nb", {"two", kNow + base::Duration::Hours(1)});
  ASSERT_EQ(stored.Take("a\nb").size(), 2u);
  EXPECT_TRUE(stored.Take("a\nb").empty());
  EXPECT_EQ(stored.size(), 0u);
}

TEST(StoredSessions, SurviveAFileUntilTheirTimeIsOver) {
  StoredSessions stored;
  stored.Give("a\nb", {std::string("\0\xFF", 2), kNow + base::Duration::Hours(1)});
  stored.Give("over", {"x", kNow});
  const std::string file = stored.Write(kNow);
  StoredSessions again;
  again.Read(file, kNow);
  EXPECT_EQ(again.size(), 1u);
  EXPECT_EQ(again.Take("a\nb").at(0).bytes, std::string("\0\xFF", 2));
  again.Read(file, kNow + base::Duration::Hours(1));
  EXPECT_EQ(again.size(), 0u);
}

TEST(StoredSessions, DamagedFilesAndTooMuchAreLeftOut) {
  StoredSessions stored;
  stored.Read(
      "sluice tls-sessions 1\nx\n1800000001 61\n1800000001 6 61\n1800000001 zz 61\n9900000001 61 61\n1800000001 61 61",
      kNow);
  stored.Read("other\n1800000001 61 61\n", kNow);
  EXPECT_EQ(stored.size(), 0u);
  stored.Give("large", {std::string(StoredSessions::kBytesMax + 1, 'x'), kNow});
  for (std::size_t i = 0; i < StoredSessions::kSessionsMax + 10; ++i) stored.Give(absl::StrCat(i), {"x", kNow});
  EXPECT_EQ(stored.size(), StoredSessions::kSessionsMax);
}

// Two contexts, one after the other, as two runs of the program.
TEST(StoredSessions, ALaterRunResumesWhatAnEarlierOneLeft) {
  for (const bool tls13 : {true, false}) {
    ServerSettings server({.tls13 = tls13});
    StoredSessions stored;
    const auto connect = [&](Context& context, const Policy& policy) {
      Connection c(context, server, policy);
      EXPECT_TRUE(c.Carry().ok());
      EXPECT_TRUE(c.Send({"QUIT\r\n"}).ok());
      EXPECT_TRUE(c.Carry().ok());
      return c.channel->info().resumed;
    };
    {
      Context first({.authorities = ServerSettings::Authority(), .stored_sessions = &stored});
      EXPECT_FALSE(connect(first, kVerifying));
    }
    EXPECT_GT(stored.size(), 0u);
    Context second({.authorities = ServerSettings::Authority(), .stored_sessions = &stored});
    EXPECT_FALSE(connect(second, kTrusting)) << "a session of another policy";
    EXPECT_TRUE(connect(second, kVerifying));
    EXPECT_EQ(stored.size(), 0u);
  }
}

}  // namespace
}  // namespace tls
