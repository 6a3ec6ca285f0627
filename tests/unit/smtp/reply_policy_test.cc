// What replies mean; reply_silence_test.cc has the ends of connections.
#include "engine/smtp/reply_policy.h"

#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "tests/unit/smtp/verdict_facts.h"

namespace smtp {
namespace {

using C = Classification;
using base::Duration;
using testing::Refused;
using testing::Said;

constexpr Command kContentReplies[] = {Command::kRcpt, Command::kData, Command::kDot, Command::kBdat};

struct Row {
  std::string_view reply;
  C classification;
};

TEST(ReplyPolicy, BouncesWhatIsTheRecipientsOwnFault) {
  for (const Row& row : {Row{"550 5.1.1 The email account does not exist", C::kInvalidRecipient},
                         Row{"550 5.1.1 NoSuchUser", C::kInvalidRecipient},
                         Row{"550 5.1.10 RESOLVER.ADR.NotFound", C::kInvalidRecipient},
                         Row{"550 5.4.1 Recipient address rejected: Access denied", C::kInvalidRecipient},
                         Row{"550 user unknown", C::kInvalidRecipient}, Row{"553 5.1.2 bad domain", C::kBadDomain},
                         Row{"550 5.2.1 disabled", C::kInactiveMailbox},
                         Row{"554 delivery error: dd This user has a mailbox disabled (554.30)", C::kInactiveMailbox},
                         Row{"552 5.2.2 OverQuotaPerm", C::kQuotaIssues}, Row{"552 5.2.2 full", C::kQuotaIssues},
                         Row{"552 mailbox is full", C::kQuotaIssues}, Row{"552 5.3.4 too big", C::kTooLarge},
                         Row{"552 no room", C::kTooLarge}}) {
    for (const Command command : kContentReplies) {
      const Verdict verdict = Judge(Refused(command, row.reply));
      EXPECT_EQ(verdict.outcome, Outcome::kBounced) << row.reply;
      EXPECT_EQ(verdict.scope, Scope::kRecipient) << row.reply;
      EXPECT_EQ(ToString(verdict.classification), ToString(row.classification)) << row.reply;
      EXPECT_FALSE(verdict.counts_for_breaker || verdict.shrink_window) << row.reply;
      EXPECT_EQ(verdict.command, command) << row.reply;
      ASSERT_TRUE(verdict.reply.has_value());
      EXPECT_EQ(verdict.reply->ToString(), row.reply);
    }
  }
}

TEST(ReplyPolicy, HoldsWhatBlocksTheSender) {
  for (const Row& row : {Row{"550 5.7.1 part of their network is on our block list (S3140)", C::kSpamBlock},
                         Row{"550 5.7.606 Access denied, banned sending IP", C::kSpamBlock},
                         Row{"553 5.7.1 [BL21] Connections will not be accepted", C::kSpamBlock},
                         Row{"554 IMTA01 BL000000 refused", C::kSpamBlock},
                         Row{"550 listed at Spamhaus", C::kSpamBlock}, Row{"550 Ip frequency limited", C::kRateLimited},
                         Row{"550 Domain frequency limited", C::kRateLimited}, Row{"550 RP:ORQ", C::kRateLimited}}) {
    for (const Command command : kContentReplies) {
      const Verdict verdict = Judge(Refused(command, row.reply));
      EXPECT_EQ(verdict.outcome, Outcome::kHeld) << row.reply;
      EXPECT_EQ(verdict.scope, Scope::kSourceSite) << row.reply;
      EXPECT_EQ(verdict.hold, Hold::kHours) << row.reply;
      EXPECT_EQ(ToString(verdict.classification), ToString(row.classification)) << row.reply;
    }
  }
}

TEST(ReplyPolicy, HoldsWhatIsSaidOfTheContentAndLeavesTheRestToTheBudget) {
  for (const std::string_view reply :
       {"554 DT:SPM", "550 5.7.1 [CS01] Message rejected due to local policy", "550 blocked by Spamhaus DBL"}) {
    for (const Command command : kContentReplies) {
      const Verdict verdict = Judge(Refused(command, reply));
      EXPECT_EQ(verdict.outcome, Outcome::kHeld) << reply;
      EXPECT_EQ(verdict.scope, Scope::kProvider) << reply;
      EXPECT_EQ(verdict.hold, Hold::kNone) << reply;
      EXPECT_EQ(verdict.classification, C::kSpamContent) << reply;
    }
  }
}

TEST(ReplyPolicy, HoldsTheCampaignWhereItsAuthenticationFails) {
  for (const std::string_view reply :
       {"550 5.7.26 unauthenticated", "550 5.7.25 PTR", "550 5.7.515 Access denied", "550 5.7.509 DMARC",
        "550 5.7.30 DKIM", "450 4.7.27 SPF", "421 4.7.32 alignment", "451 4.7.23 PTR"}) {
    for (const Command command : kContentReplies) {
      const Verdict verdict = Judge(Refused(command, reply));
      EXPECT_EQ(verdict.outcome, Outcome::kHeld) << reply;
      EXPECT_EQ(verdict.scope, Scope::kCampaign) << reply;
      EXPECT_TRUE(verdict.authentication_failed) << reply;
      EXPECT_EQ(verdict.hold, Hold::kNone) << reply;
      EXPECT_EQ(verdict.classification, C::kAuthenticationFailed) << reply;
    }
  }
}

TEST(ReplyPolicy, BouncesPolicyAndTheUnknownUnderTheBreaker) {
  for (const Row& row : {Row{"550 5.7.1 not allowed", C::kPolicyRelated}, Row{"554 [PH01] no", C::kPolicyRelated},
                         Row{"554 5.7.9 Message not accepted for policy reasons", C::kPolicyRelated},
                         Row{"550 5.6.0 bad", C::kPolicyRelated}, Row{"550 5.4.4 no route", C::kRoutingErrors},
                         Row{"550 5.5.2 syntax", C::kProtocolErrors}, Row{"554 no", C::kUnclassified},
                         Row{"550 5.0.0 no", C::kUnclassified}, Row{"550 5.3.0 no", C::kUnclassified}}) {
    for (const Command command : kContentReplies) {
      const Verdict verdict = Judge(Refused(command, row.reply));
      EXPECT_EQ(verdict.outcome, Outcome::kBounced) << row.reply;
      EXPECT_TRUE(verdict.counts_for_breaker) << row.reply;
      EXPECT_EQ(verdict.hold, Hold::kNone) << row.reply;
      EXPECT_EQ(ToString(verdict.classification), ToString(row.classification)) << row.reply;
    }
  }
}

TEST(ReplyPolicy, DefersAPermanentReplyThatMeansALimit) {
  for (const std::string_view reply : {"552 too many recipients", "550 5.5.3 no more"}) {
    const Verdict verdict = Judge(Refused(Command::kRcpt, reply));
    EXPECT_EQ(verdict.outcome, Outcome::kDeferred) << reply;
    EXPECT_EQ(verdict.classification, C::kTooManyRecipients) << reply;
  }
}

TEST(ReplyPolicy, DefersAndShrinksTheWindowWhereTheSiteThrottles) {
  for (const std::string_view reply :
       {"451 4.7.500 Server busy", "451 4.7.652 exceeded maximum number of connections (S3115)",
        "450 too many connections", "450 rate limit reached", "450 4.7.28 too much", "451 4.7.699 slow down",
        "450 4.7.1 deferred due to excessive volume", "450 RL000010 throttled",
        "450 4.7.1 Too many messages from your address, slow down", "450 4.7.1 Please slow down",
        "451 4.7.0 Too many messages from 192.0.2.1"}) {
    for (const Command command : {Command::kMail, Command::kRcpt, Command::kData, Command::kDot, Command::kBdat}) {
      const Verdict verdict = Judge(Refused(command, reply));
      EXPECT_EQ(verdict.outcome, Outcome::kDeferred) << reply;
      EXPECT_EQ(verdict.scope, Scope::kSourceSite) << reply;
      EXPECT_EQ(verdict.classification, C::kRateLimited) << reply;
      EXPECT_EQ(verdict.hold, Hold::kNone) << reply;
      EXPECT_TRUE(verdict.shrink_window) << reply;
    }
  }
}

TEST(ReplyPolicy, SuspendsAThrottlingSiteAsLongAsItsWordsSay) {
  struct Case {
    std::string_view reply;
    Duration stated;
  };
  for (const Case& one : {Case{"451 [TSS04] Messages temporarily deferred", Duration::Hours(2)},
                          Case{"421 4.7.0 [TSS05] Messages temporarily deferred", Duration::Hours(2)},
                          Case{"451 4.7.650 rate limited due to IP reputation (S775)", Duration::Minutes(30)},
                          Case{"421-4.7.28 unusual\r\n421 4.7.28 rate of unsolicited mail", Duration::Minutes(30)},
                          Case{"451 rate limit, try again in 300 seconds", Duration::Minutes(5)}}) {
    const Verdict verdict = Judge(Refused(Command::kRcpt, one.reply));
    EXPECT_EQ(verdict.outcome, Outcome::kDeferred) << one.reply;
    EXPECT_EQ(verdict.scope, Scope::kSourceSite) << one.reply;
    EXPECT_EQ(verdict.hold, Hold::kStated) << one.reply;
    EXPECT_EQ(verdict.stated, one.stated) << one.reply;
    EXPECT_TRUE(verdict.shrink_window) << one.reply;
  }
}

TEST(ReplyPolicy, LeavesTheSiteAloneWhereOneRecipientHasToWait) {
  for (const std::string_view reply :
       {"450 4.2.1 user is receiving mail too quickly", "450-4.2.1 is receiving mail\r\n450 4.2.1 at a rate that",
        "452 4.2.2 over quota", "452 mailbox full", "451 4.7.1 Greylisted, try again in 300 seconds", "450 graylisted",
        "451 4.3.0 later", "450 later", "451 4.4.2 no route now", "452 4.5.3 too many recipients",
        "451 4.3.0 multiple destination domains", "450 4.7.1 policy"}) {
    for (const Command command : {Command::kMail, Command::kRcpt, Command::kData, Command::kDot, Command::kBdat}) {
      const Verdict verdict = Judge(Refused(command, reply));
      EXPECT_EQ(verdict.outcome, Outcome::kDeferred) << reply;
      EXPECT_EQ(verdict.scope, Scope::kRecipient) << reply;
      EXPECT_EQ(verdict.hold, Hold::kNone) << reply;
      EXPECT_FALSE(verdict.shrink_window) << reply;
    }
  }
}

TEST(ReplyPolicy, HoldsWhereATransientReplySaysThatRetryingDoesNotHelp) {
  const Verdict verdict =
      Judge(Refused(Command::kRcpt, "421 4.7.1 [TS03] All messages will be permanently deferred; no retry"));
  EXPECT_EQ(verdict.outcome, Outcome::kHeld);
  EXPECT_EQ(verdict.scope, Scope::kSourceSite);
  EXPECT_EQ(verdict.hold, Hold::kHours);
  EXPECT_EQ(verdict.classification, C::kSpamBlock);
}

TEST(ReplyPolicy, ShrinksTheWindowAfterA421UnlessItIsAStatedLimit) {
  for (const Command command : {Command::kMail, Command::kRcpt, Command::kData, Command::kDot, Command::kBdat}) {
    const Verdict closing = Judge(Refused(command, "421 4.3.2 shutting down"));
    EXPECT_EQ(closing.outcome, Outcome::kDeferred);
    EXPECT_EQ(closing.scope, Scope::kSession);
    EXPECT_TRUE(closing.shrink_window);
    for (const std::string_view limit :
         {"421 Max message per connection reached, closing", "421 exceeded maximum number of messages per connection",
          "421 too many messages in this connection"}) {
      const Verdict normal = Judge(Refused(command, limit));
      EXPECT_EQ(normal.outcome, Outcome::kDeferred) << limit;
      EXPECT_EQ(normal.scope, Scope::kSession) << limit;
      EXPECT_EQ(normal.hold, Hold::kNone) << limit;
      EXPECT_FALSE(normal.shrink_window) << limit;
      EXPECT_TRUE(normal.session_limit) << limit;
    }
    EXPECT_FALSE(closing.session_limit);
  }
}

TEST(ReplyPolicy, KnowsTheEndOfASessionThatCarriedEnough) {
  EXPECT_TRUE(Judge(Refused(Command::kMail, "452 4.5.3 Too many messages sent")).session_limit);
  EXPECT_FALSE(Judge(Refused(Command::kRcpt, "452 4.5.3 Too many recipients")).session_limit);
  EXPECT_FALSE(Judge(Refused(Command::kMail, "550 too many messages per connection")).session_limit);
}

TEST(ReplyPolicy, DefersWhereTheServerEndsTheSessionInPlaceOfAReset) {
  TransactionResult result;
  result.end = TransactionResult::End::kClosed;
  result.rset = Said("554 too many nonmail commands");
  const Verdict verdict = Judge(result);
  EXPECT_EQ(verdict.outcome, Outcome::kDeferred);
  EXPECT_EQ(verdict.scope, Scope::kSession);
  EXPECT_EQ(verdict.command, Command::kRset);
  EXPECT_TRUE(verdict.session_limit);
  EXPECT_FALSE(verdict.sender_refused || verdict.counts_for_breaker || verdict.shrink_window);
  result = Refused(Command::kRcpt, "550 5.1.1 no such user");  // It went on, and judged the recipient.
  result.rset = Said("500 what?");
  EXPECT_EQ(Judge(result).outcome, Outcome::kBounced);
}

TEST(ReplyPolicy, HoldsTheSiteWhereItRefusesTheSender) {
  for (const std::string_view reply : {"550 5.1.8 bad sender", "553 5.1.7 bad sender", "550 5.7.1 no", "554 no"}) {
    const Verdict verdict = Judge(Refused(Command::kMail, reply));
    EXPECT_EQ(verdict.outcome, Outcome::kHeld) << reply;
    EXPECT_EQ(verdict.scope, Scope::kSourceSite) << reply;
    EXPECT_EQ(verdict.hold, Hold::kHour) << reply;
    EXPECT_TRUE(verdict.sender_refused) << reply;
    EXPECT_FALSE(verdict.counts_for_breaker) << reply;
  }
  const Verdict late = Judge(Refused(Command::kRcpt, "550 5.1.8 bad sender"));
  EXPECT_EQ(late.outcome, Outcome::kHeld);
  EXPECT_EQ(late.classification, C::kInvalidSender);
  EXPECT_TRUE(late.sender_refused);
}

TEST(ReplyPolicy, DefersATransientReplyToMailEvenAboutAuthentication) {
  const Verdict verdict = Judge(Refused(Command::kMail, "451 4.7.27 SPF"));
  EXPECT_EQ(verdict.outcome, Outcome::kDeferred);
  EXPECT_FALSE(verdict.authentication_failed);
}

TEST(ReplyPolicy, BouncesNobodyForAReplyOutOfPlace) {
  for (const auto& [command, reply] : {std::pair{Command::kDot, "354 go"}, std::pair{Command::kRcpt, "354 go"},
                                       std::pair{Command::kMail, "354 go"}, std::pair{Command::kData, "250 ok"}}) {
    const Verdict verdict = Judge(Refused(command, reply));
    EXPECT_EQ(verdict.outcome, Outcome::kDeferred) << reply;
    EXPECT_EQ(verdict.scope, Scope::kSession) << reply;
    EXPECT_EQ(verdict.classification, C::kProtocolErrors) << reply;
  }
}

TEST(ReplyPolicy, JudgesByTheFirstRefusalOfAGroup) {
  TransactionResult result = Refused(Command::kRcpt, "550 5.1.1 no such user");
  result.data = Said("503 5.5.1 no recipients");
  EXPECT_EQ(Judge(result).command, Command::kRcpt);
  EXPECT_EQ(Judge(result).classification, C::kInvalidRecipient);
  result.mail = Said("451 4.3.0 later");
  EXPECT_EQ(Judge(result).command, Command::kMail);
  EXPECT_EQ(Judge(result).outcome, Outcome::kDeferred);
  TransactionResult empty = Refused(Command::kRcpt, "550 5.1.1 no such user");
  empty.data = Said("354 go");
  empty.final_reply = Said("250 queued");
  EXPECT_EQ(Judge(empty).outcome, Outcome::kBounced);
}

TEST(ReplyPolicy, DeliversOnlyByAPositiveFinalReply) {
  for (const Command command : {Command::kDot, Command::kBdat}) {
    const Verdict verdict = Judge(Refused(command, "250 2.0.0 queued as 42"));
    EXPECT_EQ(verdict.outcome, Outcome::kDelivered);
    EXPECT_EQ(verdict.classification, C::kNone);
    EXPECT_EQ(verdict.command, command);
    EXPECT_EQ(verdict.reply->text, "queued as 42");
  }
}

TEST(Classify, PrefersWordsToEnhancedCodesAndThoseToTheFirstDigit) {
  const auto classify = [](std::string_view line) { return Classify(Said(line), Command::kRcpt); };
  EXPECT_EQ(classify("550 5.7.1 user unknown"), C::kInvalidRecipient);
  EXPECT_EQ(classify("550 5.7.1 USER UNKNOWN"), C::kInvalidRecipient);
  EXPECT_EQ(classify("550 5.7.1 who?"), C::kPolicyRelated);
  EXPECT_EQ(classify("550 who?"), C::kUnclassified);
  EXPECT_EQ(classify("450 who?"), C::kTransientFailure);
  EXPECT_EQ(classify("450 user unknown"), C::kTransientFailure);  // Known words, but of a permanent reply.
  EXPECT_EQ(classify("250 user unknown"), C::kNone);
}

TEST(Classify, KnowsOfWhomAReplyToMailSpeaks) {
  EXPECT_EQ(Classify(Said("550 5.1.1 no"), Command::kMail), C::kUnclassified);
  EXPECT_EQ(Classify(Said("550 5.1.7 no"), Command::kMail), C::kInvalidSender);
  EXPECT_EQ(Classify(Said("550 5.4.1 no"), Command::kMail), C::kRoutingErrors);
  EXPECT_EQ(Classify(Said("450 4.4.1 no"), Command::kRcpt), C::kTransientFailure);
}

TEST(StatedDuration, ReadsNumbersAndUnits) {
  const auto stated = [](std::string_view text) { return StatedDuration(Said("451 " + std::string(text))); };
  EXPECT_EQ(stated("Try again in 300 seconds"), Duration::Seconds(300));
  EXPECT_EQ(stated("please retry after 45s"), Duration::Seconds(45));
  EXPECT_EQ(stated("RETRY IN 5 minutes"), Duration::Minutes(5));
  EXPECT_EQ(stated("wait 5min."), Duration::Minutes(5));
  EXPECT_EQ(stated("try again in 15m"), Duration::Minutes(15));
  EXPECT_EQ(stated("try again after 2 hours"), Duration::Hours(2));
  EXPECT_EQ(stated("try again after 2h, thanks"), Duration::Hours(2));
  EXPECT_EQ(stated("retry after 1 day"), Duration::Hours(24));
  EXPECT_EQ(stated("retry after 90"), Duration::Seconds(90));
  EXPECT_EQ(stated("retry in 30 messages"), Duration::Seconds(30));
}

TEST(StatedDuration, IsNoneWhereNoNumberFollows) {
  for (const std::string_view text : {"later", "try again in a while", "wait", "wait 1234567 seconds", "in 300 seconds",
                                      "try again in -5 seconds", "retry in "}) {
    EXPECT_EQ(StatedDuration(Said("451 " + std::string(text))), std::nullopt) << text;
  }
}

TEST(StatedDuration, IsADayAtMost) {
  for (const std::string_view text : {"wait 999999 days", "wait 999999 hours", "wait 1441 minutes", "wait 86401"})
    EXPECT_EQ(StatedDuration(Said("451 " + std::string(text))), Duration::Hours(24)) << text;
  EXPECT_EQ(StatedDuration(Said("451 wait 1439 minutes")), Duration::Minutes(1439));
}

TEST(ReplyPolicy, IsInDoubtWhereNothingFollowsARefusedReset) {
  TransactionResult result;
  result.end = TransactionResult::End::kTimedOut;
  result.rset = Said("502 what?");
  result.completing_handed_over = true;
  const Verdict verdict = Judge(result);
  EXPECT_EQ(verdict.outcome, Outcome::kInDoubt);
  EXPECT_FALSE(verdict.session_limit);
}

TEST(ReplyPolicy, TakesADailyQuotaForNoLimitOfTheSession) {
  EXPECT_FALSE(Judge(Refused(Command::kMail, "451 4.7.1 Too many messages sent today")).session_limit);
}

}  // namespace
}  // namespace smtp
