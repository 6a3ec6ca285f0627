// Messages one behind the other on a server without CHUNKING: the envelope of the next goes with the content of the one
// before (RFC 2920 section 3.1), and each has exactly its own replies.
#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/client.h"
#include "engine/smtp/reply_policy.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"

namespace smtp {
namespace {

using End = TransactionResult::End;
using testing::Dialogue;
using testing::kChunking;
using testing::kContent;
using testing::kGroup;
using testing::kPipelining;
using testing::kPlain;
using testing::kStuffed;

constexpr std::string_view kNextContent = "Subject: y\r\n\r\nnext\r\n";
constexpr std::string_view kNextGroup = "MAIL FROM:<a@example.com>\r\nRCPT TO:<c@example.net>\r\nDATA\r\n";
constexpr std::string_view kNextStuffed = "Subject: y\r\n\r\nnext\r\n.\r\n";

class Following : public Dialogue {
 public:
  using Dialogue::Dialogue;
  void Follow(std::uint64_t size = kNextContent.size()) {
    client.Follow({.sender = "a@example.com", .recipient = "c@example.net", .content = next_content, .size = size});
  }
  std::string SendContent() {
    client.SendContent(now);
    return Sent();
  }
  // A first message under way, and a second that is to follow it.
  void BeginBoth() {
    Open(kPipelining);
    EXPECT_EQ(Begin(), kGroup);
    ASSERT_TRUE(client.MayFollow());
    Follow();
    EXPECT_FALSE(client.MayFollow());
    EXPECT_EQ(Sent(), "");
    Events();
  }
  // Up to the write that has the content of the first and the envelope of the second.
  void SendBoth() {
    BeginBoth();
    EXPECT_EQ(Say("250 ok\r\n250 ok\r\n354 go\r\n"), std::string(kStuffed) + std::string(kNextGroup));
    EXPECT_TRUE(client.IsFollowerSent());
    EXPECT_EQ(client.expecting(), Command::kDot);
  }
  Outcome Judged() const { return Judge(*result).outcome; }
  std::vector<std::string_view> next_content = {kNextContent};
};

TEST(SmtpClientFollowing, TakesOneRoundTripForEachMessage) {
  Following dialogue;
  dialogue.SendBoth();
  dialogue.Say("250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(dialogue.Events(), "done following wanted ");
  EXPECT_EQ(dialogue.Judged(), Outcome::kDelivered);
  EXPECT_EQ(dialogue.result->final_reply->text, "queued");
  EXPECT_EQ(dialogue.Sent(), "");  // Nothing of the second before its owner says so.
  ASSERT_TRUE(dialogue.client.MayFollow());
  dialogue.Follow();  // And a third.
  EXPECT_EQ(dialogue.SendContent(), std::string(kNextStuffed) + std::string(kNextGroup));
  dialogue.Say("250 second\r\n");
  EXPECT_EQ(dialogue.Events(), "done following ");
  EXPECT_EQ(dialogue.result->final_reply->text, "second");
  dialogue.Say("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(dialogue.Events(), "wanted ");
  EXPECT_EQ(dialogue.SendContent(), kNextStuffed);
  dialogue.Say("250 third\r\n");
  EXPECT_EQ(dialogue.Events(), "done ready ");
  EXPECT_EQ(dialogue.result->final_reply->text, "third");
  EXPECT_EQ(dialogue.Begin(), kGroup);  // Without RSET.
}

TEST(SmtpClientFollowing, IsForServersWhereItSavesARoundTrip) {
  for (const std::string_view hello : {kChunking, kPlain}) {
    Following dialogue;
    dialogue.Open(hello);
    dialogue.Begin();
    EXPECT_FALSE(dialogue.client.MayFollow());
  }
  Following late;
  late.Open(kPipelining);
  late.Begin();
  late.Say("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_FALSE(late.client.MayFollow());  // The content has left.
  EXPECT_TRUE(late.client.HasUseForFollowers());
}

TEST(SmtpClientFollowing, GoesOnWhateverBecameOfTheContentBefore) {
  for (const std::string_view reply : {"450 4.7.0 later\r\n", "550 5.7.1 spam\r\n"}) {
    Following dialogue;
    dialogue.SendBoth();
    dialogue.Say(reply);
    EXPECT_EQ(dialogue.Events(), "done following ");
    EXPECT_FALSE(dialogue.result->final_reply->IsPositive());
    dialogue.Say("250 ok\r\n250 ok\r\n354 go\r\n");
    EXPECT_EQ(dialogue.SendContent(), kNextStuffed);
    dialogue.Say("250 ok\r\n");
    EXPECT_EQ(dialogue.Judged(), Outcome::kDelivered);
  }
}

TEST(SmtpClientFollowing, IsForgottenWhereTheMessageBeforeIsRefused) {
  for (const std::string_view replies :
       {"250 ok\r\n550 5.1.1 who\r\n554 5.5.1 nobody\r\n", "250 ok\r\n250 ok\r\n450 no\r\n"}) {
    Following dialogue;
    dialogue.BeginBoth();
    EXPECT_EQ(dialogue.Say(replies), "");
    EXPECT_EQ(dialogue.Events(), "done ready ");
    EXPECT_FALSE(dialogue.client.IsFollowerSent());
    EXPECT_EQ(dialogue.Begin(), "RSET\r\n" + std::string(kGroup));
  }
  Following lone;  // A server that takes data for nobody.
  lone.BeginBoth();
  EXPECT_EQ(lone.Say("250 ok\r\n550 5.1.1 who\r\n354 go\r\n"), ".\r\n");
  lone.Say("554 nobody\r\n");
  EXPECT_EQ(lone.Events(), "done ready ");
}

TEST(SmtpClientFollowing, MayBeTakenBackBeforeItHasLeft) {
  Following dialogue;
  dialogue.BeginBoth();
  dialogue.client.Unfollow();
  EXPECT_EQ(dialogue.Say("250 ok\r\n250 ok\r\n354 go\r\n"), kStuffed);
  dialogue.Say("250 ok\r\n");
  EXPECT_EQ(dialogue.Events(), "done ready ");
}

TEST(SmtpClientFollowing, HasRefusalsOfItsOwn) {
  for (const std::string_view replies : {"550 5.1.1 who\r\n250 ok\r\n503 no\r\n",
                                         "250 ok\r\n550 5.1.1 who\r\n554 no\r\n", "250 ok\r\n250 ok\r\n452 full\r\n"}) {
    Following dialogue;
    dialogue.SendBoth();
    dialogue.Say("250 first\r\n");
    EXPECT_EQ(dialogue.Judged(), Outcome::kDelivered);
    EXPECT_EQ(dialogue.Say(replies), "");
    EXPECT_EQ(dialogue.Events(), "done following done ready ");
    EXPECT_NE(dialogue.Judged(), Outcome::kDelivered);
    EXPECT_FALSE(dialogue.result->completing_handed_over);
    EXPECT_EQ(dialogue.Begin(), "RSET\r\n" + std::string(kGroup));
  }
}

TEST(SmtpClientFollowing, GetsAnEmptyMessageWhereItIsRefusedAndItsDataWanted) {
  Following dialogue;
  dialogue.SendBoth();
  EXPECT_EQ(dialogue.Say("250 first\r\n250 ok\r\n550 5.1.1 who\r\n354 go\r\n"), ".\r\n");
  dialogue.Say("554 nobody\r\n");
  EXPECT_EQ(dialogue.Events(), "done following done ready ");
  EXPECT_EQ(Judge(*dialogue.result).classification, Classification::kInvalidRecipient);
}

TEST(SmtpClientFollowing, IsNotInDoubtForWhatTheOneBeforeIs) {
  Following dialogue;
  dialogue.SendBoth();
  dialogue.client.OnClosed(104, 0, /*connected=*/true);
  EXPECT_EQ(dialogue.Events(), "done finished ");  // The first; nothing was promised of the second.
  EXPECT_EQ(dialogue.Judged(), Outcome::kInDoubt);
  Following after;
  after.SendBoth();
  after.Say("250 first\r\n250 ok\r\n");
  EXPECT_EQ(after.Judged(), Outcome::kDelivered);
  after.client.OnClosed(0, 0, /*connected=*/true);
  EXPECT_EQ(after.Events(), "done following done finished ");
  EXPECT_EQ(after.Judged(), Outcome::kDeferred);
}

TEST(SmtpClientFollowing, LeavesTheContentBeforeWithItsOwnEnd) {
  Following dialogue;
  dialogue.SendBoth();
  // The kernel took everything but the envelope of the second…
  dialogue.client.OnClosed(104, kNextGroup.size(), /*connected=*/true);
  EXPECT_TRUE(dialogue.result->completing_handed_over);
  Following cut;
  cut.SendBoth();
  // …or one byte less, and the first message is not complete.
  cut.client.OnClosed(104, kNextGroup.size() + 1, /*connected=*/true);
  EXPECT_FALSE(cut.result->completing_handed_over);
  EXPECT_EQ(cut.Judged(), Outcome::kDeferred);
}

TEST(SmtpClientFollowing, EndsWithTheSessionWhileItWaitsForItsOwner) {
  Following gone;
  gone.SendBoth();
  gone.Say("250 first\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  gone.Events();
  gone.client.OnClosed(0, 0, /*connected=*/true);
  EXPECT_EQ(gone.Events(), "done finished ");
  EXPECT_EQ(gone.Judged(), Outcome::kDeferred);
  Following goodbye;
  goodbye.SendBoth();
  goodbye.Say("250 first\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  goodbye.Events();
  goodbye.Say("421 4.3.2 shutting down\r\n");
  EXPECT_EQ(goodbye.Events(), "done finished ");
  EXPECT_EQ(goodbye.Judged(), Outcome::kDeferred);
  Following garbage;
  garbage.SendBoth();
  garbage.Say("250 first\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  garbage.Events();
  garbage.Say("250 and this\r\n");
  EXPECT_EQ(garbage.result->end, End::kGarbage);
  EXPECT_EQ(garbage.Judged(), Outcome::kDeferred);
}

TEST(SmtpClientFollowing, A421ToTheContentEndsBoth) {
  Following dialogue;
  dialogue.SendBoth();
  dialogue.Say("421 4.3.2 bye\r\n");
  EXPECT_EQ(dialogue.Events(), "done finished ");
  EXPECT_EQ(dialogue.result->final_reply->code, 421);
  Following after;
  after.SendBoth();
  after.Say("250 first\r\n421 4.3.2 bye\r\n");
  EXPECT_EQ(after.Events(), "done following done finished ");
  EXPECT_EQ(after.result->mail->code, 421);
}

TEST(SmtpClientFollowing, MustFitWhatTheServerTakes) {
  Following dialogue;
  dialogue.Open("250-mx\r\n250-PIPELINING\r\n250 SIZE 50\r\n");
  dialogue.Begin();
  EXPECT_FALSE(dialogue.client.Accepts({.sender = "a", .recipient = "b", .content = {}, .size = 51}));
  EXPECT_FALSE(
      dialogue.client.Accepts({.sender = "a", .recipient = "b", .content = {}, .size = 5, .needs_smtputf8 = true}));
  EXPECT_TRUE(dialogue.client.Accepts({.sender = "a", .recipient = "b", .content = {}, .size = 50}));
}

TEST(SmtpClientFollowing, WaitsForTheReplyToTheContentBeforeFirst) {
  Following dialogue;
  dialogue.SendBoth();
  EXPECT_EQ(dialogue.client.Timeout(), Timeouts().final_reply);
  dialogue.Say("250 first\r\n");
  EXPECT_EQ(dialogue.client.Timeout(), Timeouts().mail);
  dialogue.Say("250 ok\r\n250 ok\r\n");
  EXPECT_EQ(dialogue.client.Timeout(), Timeouts().data);
  dialogue.Say("354 go\r\n");
  EXPECT_EQ(dialogue.client.Timeout(), base::Duration());  // For us.
}

}  // namespace
}  // namespace smtp
