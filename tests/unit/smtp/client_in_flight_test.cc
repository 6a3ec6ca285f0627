// Several messages in flight on a server that takes each in one write (PIPELINING, CHUNKING): each later envelope
// begins with RSET, and each message has exactly its own replies.
#include <string>
#include <string_view>
#include <vector>

#include "engine/smtp/client.h"
#include "engine/smtp/reply_policy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/dialogue.h"

namespace smtp {
namespace {

using ::testing::ElementsAre;
using End = TransactionResult::End;
using testing::Dialogue;
using testing::kBdatGroup;
using testing::kChunking;
using testing::kContent;
using testing::kPipelining;

constexpr std::string_view kNextContent = "Subject: y\r\n\r\nnext\r\n";
constexpr std::string_view kNextGroup =
    "RSET\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<c@example.net>\r\nBDAT 20 LAST\r\nSubject: y\r\n\r\nnext\r\n";
constexpr std::string_view kGood = "250 ok\r\n250 ok\r\n250 taken\r\n";
constexpr std::string_view kGoodNext = "250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n";

class InFlight : public Dialogue {
 public:
  std::string Queue() {
    client.Queue({.sender = "a@example.com",
                  .recipient = "c@example.net",
                  .content = next_content,
                  .size = kNextContent.size()});
    return Sent();
  }
  // Three messages under way.
  void SendThree() {
    Open(kChunking);
    EXPECT_EQ(Begin(), kBdatGroup);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(client.MayQueue());
      EXPECT_EQ(Queue(), kNextGroup);
    }
    Events();
  }
  void OnTransactionDone(const TransactionResult& done) override {
    Dialogue::OnTransactionDone(done);
    outcomes.push_back(Judge(done).outcome);
  }
  std::vector<std::string_view> next_content = {kNextContent};
  std::vector<Outcome> outcomes;
};

TEST(SmtpClientInFlight, EachHasItsOwnReplies) {
  InFlight dialogue;
  dialogue.SendThree();
  dialogue.Say(kGood);
  EXPECT_EQ(dialogue.Events(), "done following ");
  EXPECT_EQ(dialogue.Queue(), kNextGroup) << "a fourth";
  dialogue.Say("250 reset\r\n250 ok\r\n550 5.1.1 unknown\r\n503 5.5.1 no recipients\r\n");
  EXPECT_EQ(dialogue.Events(), "done following ");
  EXPECT_EQ(dialogue.result->rcpt->code, 550);
  dialogue.Say(kGoodNext);
  dialogue.Say("250 reset\r\n250 ok\r\n250 ok\r\n451 4.3.0 later\r\n");
  EXPECT_EQ(dialogue.Events(), "done following done ready ");
  EXPECT_THAT(dialogue.outcomes,
              ElementsAre(Outcome::kDelivered, Outcome::kBounced, Outcome::kDelivered, Outcome::kDeferred));
  EXPECT_EQ(dialogue.Begin(), "RSET\r\n" + std::string(kBdatGroup));
}

TEST(SmtpClientInFlight, IsForServersThatTakeAMessageInOneWrite) {
  InFlight without;
  without.Open(kPipelining);
  without.Begin();
  EXPECT_FALSE(without.client.MayQueue());
  InFlight alone;
  alone.Open("250-mx.example.com\r\n250 CHUNKING\r\n");
  alone.Begin();
  EXPECT_FALSE(alone.client.MayQueue());
  InFlight idle;
  idle.Open(kChunking);
  EXPECT_FALSE(idle.client.MayQueue());
  idle.now = idle.now + base::Duration::Seconds(5);
  EXPECT_EQ(idle.Begin(), testing::kMail);
  EXPECT_FALSE(idle.client.MayQueue()) << "it asks first";
  idle.Say("250 ok\r\n");
  EXPECT_TRUE(idle.client.MayQueue());
}

// Replies may be kept back until everything that came has been read: what was not answered may have been accepted.
TEST(SmtpClientInFlight, WhatWasNotAnsweredWhenTheConnectionEndsIsInDoubt) {
  InFlight dialogue;
  dialogue.SendThree();
  dialogue.Say(kGood);
  dialogue.client.OnClosed(/*error=*/0, /*unsent=*/0, /*connected=*/true);
  EXPECT_EQ(dialogue.Events(), "done following done following done finished ");
  EXPECT_THAT(dialogue.outcomes, ElementsAre(Outcome::kDelivered, Outcome::kInDoubt, Outcome::kInDoubt));
  InFlight first;
  first.SendThree();
  first.client.OnClosed(/*error=*/104, /*unsent=*/0, /*connected=*/true);
  EXPECT_THAT(first.outcomes, ElementsAre(Outcome::kInDoubt, Outcome::kInDoubt, Outcome::kInDoubt));
}

TEST(SmtpClientInFlight, WhatTheKernelNeverTookIsNotInDoubt) {
  InFlight dialogue;
  dialogue.SendThree();
  dialogue.client.OnClosed(/*error=*/104, /*unsent=*/kNextGroup.size() + 1, /*connected=*/true);
  EXPECT_THAT(dialogue.outcomes, ElementsAre(Outcome::kInDoubt, Outcome::kDeferred, Outcome::kDeferred));
}

TEST(SmtpClientInFlight, SilenceIsInDoubtForAll) {
  InFlight dialogue;
  dialogue.SendThree();
  dialogue.client.OnTimeout(/*unsent=*/0);
  EXPECT_EQ(dialogue.Events(), "done following done following done finished ");
  EXPECT_THAT(dialogue.outcomes, ElementsAre(Outcome::kInDoubt, Outcome::kInDoubt, Outcome::kInDoubt));
}

TEST(SmtpClientInFlight, AGoodbyeAnswersAllThatAreLeft) {
  InFlight dialogue;
  dialogue.SendThree();
  dialogue.Say(std::string(kGood) + "421 4.3.2 closing\r\n");
  EXPECT_EQ(dialogue.Events(), "done following done following done finished ");
  EXPECT_EQ(dialogue.result->mail->code, 421);
  EXPECT_THAT(dialogue.outcomes, ElementsAre(Outcome::kDelivered, Outcome::kDeferred, Outcome::kDeferred));
}

TEST(SmtpClientInFlight, RepliesOutOfStepEndIt) {
  InFlight dialogue;
  dialogue.SendThree();
  dialogue.Say("250 ok\r\n354 what\r\n");
  EXPECT_EQ(dialogue.Events(), "done following done following done finished ");
  EXPECT_THAT(dialogue.outcomes, ElementsAre(Outcome::kInDoubt, Outcome::kInDoubt, Outcome::kInDoubt));
}

}  // namespace
}  // namespace smtp
