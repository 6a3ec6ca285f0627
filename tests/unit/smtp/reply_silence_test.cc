// What the ends of connections mean, by what was read before (and refusals that need no reply).
#include <string>
#include <string_view>

#include "engine/smtp/reply_policy.h"
#include "gtest/gtest.h"
#include "tests/unit/smtp/verdict_facts.h"

namespace smtp {
namespace {

using C = Classification;
using End = TransactionResult::End;
using testing::Refused;
using testing::Said;

constexpr End kEnds[] = {End::kClosed, End::kTimedOut, End::kGarbage};

// What had been read when it ended: MAIL, MAIL and RCPT, or those and the 354.
TransactionResult Ended(End end, int replies, bool handed_over, bool bdat = false) {
  TransactionResult result;
  result.end = end;
  if (replies > 0) result.mail = Said("250 ok");
  if (replies > 1) result.rcpt = Said("250 ok");
  if (replies > 2) result.data = Said("354 go");
  result.used_bdat = bdat;
  result.completing_handed_over = handed_over;
  return result;
}

TEST(ReplySilence, DefersWhileTheCompletingBytesAreNotHandedOver) {
  for (const End end : kEnds) {
    for (int replies = 0; replies <= 3; ++replies) {
      const Verdict verdict = Judge(Ended(end, replies, /*handed_over=*/false));
      EXPECT_EQ(verdict.outcome, Outcome::kDeferred) << replies;
      EXPECT_EQ(verdict.scope, Scope::kSession);
      EXPECT_FALSE(verdict.text.empty());
      EXPECT_FALSE(verdict.reply.has_value());
    }
  }
}

TEST(ReplySilence, IsInDoubtOnceMailWasAcceptedAndEverythingWasHandedOver) {
  for (const End end : kEnds) {
    EXPECT_EQ(Judge(Ended(end, 1, true, /*bdat=*/true)).outcome, Outcome::kInDoubt);
    EXPECT_EQ(Judge(Ended(end, 2, true, /*bdat=*/true)).outcome, Outcome::kInDoubt);
    EXPECT_EQ(Judge(Ended(end, 3, true)).outcome, Outcome::kInDoubt);
  }
}

TEST(ReplySilence, DefersAHangUpInPlaceOfTheReplyToMail) {
  TransactionResult closed = Ended(End::kClosed, 0, true, /*bdat=*/true);
  EXPECT_EQ(Judge(closed).outcome, Outcome::kDeferred);
  closed.error = 104;
  EXPECT_EQ(Judge(closed).outcome, Outcome::kDeferred);
  EXPECT_EQ(Judge(Refused(Command::kMail, "421 bye")).outcome, Outcome::kDeferred);
}

TEST(ReplySilence, IsInDoubtWhenNothingAtAllIsAnsweredInTime) {
  EXPECT_EQ(Judge(Ended(End::kTimedOut, 0, true, /*bdat=*/true)).outcome, Outcome::kInDoubt);
  EXPECT_EQ(Judge(Ended(End::kTimedOut, 0, false, /*bdat=*/true)).outcome, Outcome::kDeferred);
}

TEST(ReplySilence, KeepsToARefusalThatWasRead) {
  for (const End end : kEnds) {
    TransactionResult mail = Refused(Command::kMail, "451 4.3.0 later");
    TransactionResult rcpt = Refused(Command::kRcpt, "550 5.1.1 no such user");
    TransactionResult last = Refused(Command::kBdat, "550 5.2.2 full");
    for (TransactionResult* result : {&mail, &rcpt, &last}) {
      result->end = end;
      result->used_bdat = true;
      result->completing_handed_over = true;
    }
    EXPECT_EQ(Judge(mail).outcome, Outcome::kDeferred);
    EXPECT_EQ(Judge(rcpt).outcome, Outcome::kBounced);
    EXPECT_EQ(Judge(last).outcome, Outcome::kBounced);
  }
}

TEST(ReplySilence, SaysWhatEndedItAndWhere) {
  const Verdict timed_out = Judge(Ended(End::kTimedOut, 3, true));
  EXPECT_EQ(timed_out.command, Command::kDot);
  EXPECT_EQ(timed_out.classification, C::kNoAnswerFromHost);
  const Verdict garbage = Judge(Ended(End::kGarbage, 1, false));
  EXPECT_EQ(garbage.command, Command::kRcpt);
  EXPECT_EQ(garbage.classification, C::kProtocolErrors);
  TransactionResult reset = Ended(End::kClosed, 2, false);
  reset.error = 104;
  EXPECT_EQ(Judge(reset).command, Command::kData);
  EXPECT_EQ(Judge(reset).classification, C::kBadConnection);
  EXPECT_NE(Judge(reset).text.find("Connection reset"), std::string::npos);
  EXPECT_EQ(Judge(Ended(End::kClosed, 0, false)).command, Command::kMail);
  EXPECT_EQ(Judge(Ended(End::kClosed, 2, true, /*bdat=*/true)).command, Command::kBdat);
}

TEST(ReplySilence, BouncesWhatTheServerDoesNotOffer) {
  const Verdict large = Judge(Ended(End::kTooLarge, 0, false));
  EXPECT_EQ(large.outcome, Outcome::kBounced);
  EXPECT_EQ(large.classification, C::kTooLarge);
  EXPECT_NE(large.text.find("5.3.4"), std::string::npos);
  const Verdict utf8 = Judge(Ended(End::kNeedsSmtpUtf8, 0, false));
  EXPECT_EQ(utf8.outcome, Outcome::kBounced);
  EXPECT_EQ(utf8.classification, C::kPolicyRelated);
  EXPECT_NE(utf8.text.find("5.6.7"), std::string::npos);
}

// ---- connections ----

TEST(ConnectionVerdict, DefersWhereNoHostAnswers) {
  for (const ConnectionFact& fact :
       {ConnectionFact{.at = Command::kConnect, .error = 111},
        ConnectionFact{.at = Command::kConnect, .timed_out = true}, ConnectionFact{.at = Command::kGreeting}}) {
    const Verdict verdict = JudgeConnection(fact);
    EXPECT_EQ(verdict.outcome, Outcome::kDeferred);
    EXPECT_EQ(verdict.classification, C::kNoAnswerFromHost);
    EXPECT_TRUE(verdict.shrink_window);
    EXPECT_EQ(verdict.command, fact.at);
    EXPECT_EQ(verdict.text, fact.ToString());
  }
}

TEST(ConnectionVerdict, DefersAServerThatDoesNotSpeakSmtp) {
  const Verdict verdict = JudgeConnection({.at = Command::kGreeting, .garbage = true});
  EXPECT_EQ(verdict.outcome, Outcome::kDeferred);
  EXPECT_EQ(verdict.scope, Scope::kSession);
  EXPECT_EQ(verdict.classification, C::kProtocolErrors);
}

TEST(ConnectionVerdict, HoldsTheSiteWhereTheGreetingSaysNo) {
  for (const Command at : {Command::kGreeting, Command::kEhlo, Command::kHelo}) {
    const Verdict transient = JudgeConnection({.at = at, .reply = Said("421 4.3.2 busy")});
    EXPECT_EQ(transient.outcome, Outcome::kHeld);
    EXPECT_EQ(transient.scope, Scope::kSourceSite);
    EXPECT_EQ(transient.hold, Hold::kFiveMinutes);
    const Verdict permanent = JudgeConnection({.at = at, .reply = Said("554 5.7.1 no")});
    EXPECT_EQ(permanent.outcome, Outcome::kHeld);
    EXPECT_EQ(permanent.scope, Scope::kSourceSite);
    EXPECT_EQ(permanent.hold, Hold::kHour);
    EXPECT_EQ(permanent.reply->code, 554);
  }
}

TEST(ConnectionVerdict, ARefusedLoginIsAMatterOfTheCampaign) {
  for (const std::string_view reply :
       {"535 5.7.8 wrong password", "534 5.7.9 too weak", "504 5.5.4 unknown", "550 no"}) {
    const Verdict verdict = JudgeConnection({.at = Command::kAuth, .reply = Said(reply)});
    EXPECT_EQ(verdict.outcome, Outcome::kHeld);
    EXPECT_EQ(verdict.scope, Scope::kCampaign);
    EXPECT_EQ(verdict.classification, C::kAuthenticationFailed);
    EXPECT_TRUE(verdict.login_refused);
    EXPECT_EQ(verdict.text, reply);
  }
  const Verdict given_up = JudgeConnection({.at = Command::kAuth, .why = "no mechanism will do"});
  EXPECT_TRUE(given_up.login_refused);
  EXPECT_EQ(given_up.text, "AUTH: no mechanism will do");
}

TEST(ConnectionVerdict, ALoginThatFailsForAWhileHoldsTheSite) {
  for (const std::string_view reply : {"454 4.7.0 temporary failure", "421 4.3.2 bye", "432 4.7.12 change it"}) {
    const Verdict verdict = JudgeConnection({.at = Command::kAuth, .reply = Said(reply)});
    EXPECT_EQ(verdict.outcome, Outcome::kHeld);
    EXPECT_EQ(verdict.scope, Scope::kSourceSite);
    EXPECT_EQ(verdict.hold, Hold::kFiveMinutes);
    EXPECT_FALSE(verdict.login_refused);
  }
  for (const ConnectionFact& fact :
       {ConnectionFact{.at = Command::kAuth}, ConnectionFact{.at = Command::kAuth, .timed_out = true},
        ConnectionFact{.at = Command::kAuth, .garbage = true}}) {
    EXPECT_EQ(JudgeConnection(fact).outcome, Outcome::kDeferred);
    EXPECT_FALSE(JudgeConnection(fact).login_refused);
  }
}

TEST(ConnectionVerdict, HoldsAsLongAsAKnownCodeMeans) {
  const Verdict verdict = JudgeConnection({.at = Command::kGreeting, .reply = Said("421 4.7.0 [TSS04] deferred")});
  EXPECT_EQ(verdict.hold, Hold::kStated);
  EXPECT_EQ(verdict.stated, base::Duration::Hours(2));
  EXPECT_EQ(verdict.classification, C::kRateLimited);
}

}  // namespace
}  // namespace smtp
