#include "tls/stored_sessions.h"

#include <gtest/gtest.h>

#include <ctime>
#include <deque>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/stable_hash.h"
#include "tests/unit/tls/connection.h"
#include "tls/openssl_ptr.h"
#include "tls/session_age.h"
#include "tls/session_cache.h"

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
// A server, and what runs of the program leave to each other of its sessions.
class AgedSession {
 public:
  explicit AgedSession(bool tls13) : server_({.tls13 = tls13}) {}
  // One run. True: it resumed a session.
  bool Connect() {
    Context context({.authorities = ServerSettings::Authority(), .stored_sessions = &stored_});
    Connection c(context, server_, kVerifying);
    EXPECT_TRUE(c.Carry().ok());
    EXPECT_TRUE(c.Send({"QUIT\r\n"}).ok());
    EXPECT_TRUE(c.Carry().ok());
    return c.channel->info().resumed;
  }
  OpensslPtr<SSL_SESSION> TakeOne() {
    std::deque<StoredSessions::Session> all = stored_.Take(Key());
    const auto* bytes = reinterpret_cast<const unsigned char*>(all.back().bytes.data());
    return OpensslPtr<SSL_SESSION>(d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(all.back().bytes.size())));
  }
  void Give(SSL_SESSION& session) {
    std::string bytes(static_cast<std::size_t>(i2d_SSL_SESSION(&session, nullptr)), '\0');
    auto* end = reinterpret_cast<unsigned char*>(bytes.data());
    i2d_SSL_SESSION(&session, &end);
    stored_.Give(Key(), {bytes, Now() + base::Duration::Hours(24)});
  }
  static base::WallTime Now() { return base::WallTime::FromSeconds(std::time(nullptr)); }

 private:
  static std::string Key() {
    return SessionCache::KeyOf(
        {.host_name = testing::kHostName, .address = *base::IpAddress::Parse("192.0.2.1"), .policy = kVerifying},
        base::StableHash(ServerSettings::Authority()));
  }
  ServerSettings server_;
  StoredSessions stored_;
};

// RFC 8446 section 4.6.1: resumed sessions beget others, but no longer than seven days after the full handshake.
TEST(StoredSessions, M05_ACertificateIsLookedAtAgainAfterSevenDays) {
  for (const bool tls13 : {true, false}) {
    for (const std::int64_t hours : {7 * 24 - 1, 7 * 24 + 1}) {
      AgedSession aged(tls13);
      EXPECT_FALSE(aged.Connect());
      OpensslPtr<SSL_SESSION> session = aged.TakeOne();
      EXPECT_TRUE(MayResume(*session, false, AgedSession::Now()));
      NoteFullHandshake(*session, AgedSession::Now() - base::Duration::Hours(hours));
      aged.Give(*session);
      EXPECT_EQ(aged.Connect(), hours < 7 * 24);
      session = aged.TakeOne();  // Of that connection.
      EXPECT_EQ(MayResume(*session, false, AgedSession::Now() + base::Duration::Hours(2)), hours > 7 * 24);
    }
  }
}

TEST(StoredSessions, M05_NoSessionOutlivesItsCertificate) {
  AgedSession aged(true);
  EXPECT_FALSE(aged.Connect());
  const OpensslPtr<SSL_SESSION> session = aged.TakeOne();
  const base::WallTime after = AgedSession::Now() + base::Duration::Hours(25);  // The test's certificates have a day.
  EXPECT_TRUE(MayResume(*session, true, AgedSession::Now()));
  EXPECT_FALSE(MayResume(*session, true, after));
  EXPECT_TRUE(MayResume(*session, false, after));
}

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
