// Receivers that do what no standard allows. Whatever one of them does: the program goes on, other mail is not held up,
// the connections are few and end, and what the ledger says of each recipient agrees with what that receiver accepted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using testing::Contains;
using testing::ElementsAre;
using testing::Le;
using testing::SizeIs;
using testing::StartsWith;
using Then = Answer::Then;

constexpr char kOther[] = "o@other.example";
constexpr int kRecipients = 6;

struct Behaviour {
  const char* name;
  std::function<void(Receiver&)> be;
  // What becomes first of the first recipient: the beginning of the story's line after its attempt, or of its only
  // line. Empty: nothing within three hours; "*": anything.
  const char* first;
};
void PrintTo(const Behaviour& behaviour, std::ostream* out) { *out << behaviour.name; }

Rule Say(std::string reply) { return Always({std::move(reply)}); }
Rule Raw(std::string bytes, Then then = Then::kGoOn) {
  return Always({.reply = std::move(bytes), .then = then, .raw = true});
}
Rule Slowly(std::string reply) { return Always({.reply = std::move(reply), .drip = Duration::Seconds(59)}); }

std::function<void(Receiver&)> At(Point point, Rule rule) {
  return [point, rule](Receiver& receiver) { receiver.At(point, rule); };
}
std::function<void(Receiver&)> WithoutChunking(Point point, Rule rule) {
  return [point, rule](Receiver& receiver) {
    receiver.extensions = {"PIPELINING"};
    receiver.At(point, rule);
  };
}

const std::vector<Behaviour> kBeforeAMessage = {
    {"GreetingDrips", At(Point::kGreeting, Slowly("220 a very long and slow welcome")), "deferred"},
    {"GreetingNeverEnds", At(Point::kGreeting, Always({.reply = "220-more", .copies = 5000})),
     "deferred ProtocolErrors"},
    {"GreetingIsOneEndlessLine", At(Point::kGreeting, Raw("220 " + std::string(1 << 20, 'x'))),
     "deferred ProtocolErrors"},
    {"GreetingIsTenMegabytes", At(Point::kGreeting, Raw("220-" + std::string(10 << 20, 'x'))),
     "deferred ProtocolErrors"},
    {"GreetingIsSilence", At(Point::kGreeting, Always({"", Then::kSilence})), "deferred"},
    {"GreetingIsFin", At(Point::kGreeting, Always({"", Then::kFin})), "deferred"},
    {"GreetingIsReset", At(Point::kGreeting, Always({"", Then::kReset})), "deferred"},
    {"GreetingIsHttp", At(Point::kGreeting, Say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n")),
     "deferred ProtocolErrors"},
    {"GreetingIsBinary", At(Point::kGreeting, Raw(std::string("\x16\x03\x01\0\xff\r\n\0\0", 9))),
     "deferred ProtocolErrors"},
    {"GreetingIs354", At(Point::kGreeting, Say("354 go on")), "deferred ProtocolErrors"},
    {"GreetingComesTwice", At(Point::kGreeting, Always({.reply = "220 hi", .copies = 2})), "deferred ProtocolErrors"},
    {"EhloDrips", At(Point::kEhlo, Slowly("250-mx\r\n250 PIPELINING")), "deferred"},
    {"EhloNeverEnds", At(Point::kEhlo, Always({.reply = "250-X", .copies = 5000})), "deferred ProtocolErrors"},
    {"EhloIsSilence", At(Point::kEhlo, Always({"", Then::kSilence})), "deferred"},
    {"EhloIsDeaf", At(Point::kEhlo, Always({"", Then::kDeaf})), "deferred"},
    {"EhloIs500AndHeloToo", At(Point::kEhlo, Say("500 what?")), ""},
    {"EhloHasHugeWords",
     At(Point::kEhlo,
        Say("250-mx\r\n250-SIZE 99999999999999999999999\r\n250-LIMITS MAILMAX=\r\n250 " + std::string(2000, 'A'))),
     "delivered"},
    {"EhloHasNuls", At(Point::kEhlo, Say(std::string("250-mx\0\0\r\n250 PIPE\0LINING", 24))), "delivered"},
    {"EhloHasBareCrs", At(Point::kEhlo, Say("250-mx\r250-x\r\n250 CHUNKING\rX")), "delivered"},
    {"EhloIsFollowedByAReset", At(Point::kEhlo, Always({"250 mx", Then::kReset})), "deferred"},
    {"EhloAnswersWhatIsNotAsked", At(Point::kEhlo, Say("250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued")),
     "deferred"},
    {"EhloOffersTlsAndAnswersIt", At(Point::kEhlo, Say("250-mx\r\n250 STARTTLS\r\n220 go")), "deferred"},
    {"StarttlsIsNoTls",
     [](Receiver& receiver) {
       receiver.extensions.push_back("STARTTLS");
       receiver.At(Point::kStartTls, Say("220 go\r\n250 injected"));
     },
     "d"},
    {"StarttlsIsSilence",
     [](Receiver& receiver) {
       receiver.extensions.push_back("STARTTLS");
       receiver.At(Point::kStartTls, Always({"", Then::kSilence}));
     },
     "d"},
    {"StarttlsIsRefusedForGood", [](Receiver& receiver) { receiver.extensions.push_back("STARTTLS"); }, "delivered"},
    {"ALimitOfOneMessage", [](Receiver& receiver) { receiver.extensions.push_back("LIMITS MAILMAX=1"); }, "delivered"},
    {"ASizeOfOneByte", [](Receiver& receiver) { receiver.extensions = {"SIZE 1"}; }, "bounced TooLarge"},
};

const std::vector<Behaviour> kWithinAMessage = {
    {"MailDrips", At(Point::kMail, Slowly("250 sender ok, more or less")), "in doubt NoAnswerFromHost"},
    {"MailNeverEnds", At(Point::kMail, Always({.reply = "250-more", .then = Then::kSilence, .copies = 5000})), "deferred ProtocolErrors"},
    {"MailIs354", At(Point::kMail, Always({"354 go", Then::kSilence})), "deferred ProtocolErrors"},
    {"MailIs199", At(Point::kMail, Always({"199 hm", Then::kSilence})), "deferred ProtocolErrors"},
    {"MailIs421Storm", At(Point::kMail, Always({"421 4.3.2 Not now", Then::kFin})), "deferred TransientFailure 421"},
    {"MailIsAnsweredTwice", At(Point::kMail, Say("250 ok\r\n250 ok")), "d"},
    {"MailIsAnsweredByFin", At(Point::kMail, Always({"", Then::kFin})), "deferred BadConnection"},
    {"MailIsAnsweredByReset", At(Point::kMail, Always({"", Then::kReset})), "deferred BadConnection"},
    {"MailHasDifferingCodes", At(Point::kMail, Say("550-no\r\n451-hm\r\n550 no")), "held"},
    {"RcptDrips", At(Point::kRcpt, Slowly("250 recipient ok, I think")), "in doubt NoAnswerFromHost"},
    {"RcptIsReset", At(Point::kRcpt, Always({"", Then::kReset})), "in doubt"},
    {"RcptRefusesOverAndOver", At(Point::kRcpt, Say("450-4.2.0 later\r\n450 4.2.0 later")),
     "deferred TransientFailure 450"},
    {"RcptIsTenMegabytes", At(Point::kRcpt, Raw("250-" + std::string(10 << 20, 'x') + "\r\n")),
     "*"},
    {"RcptHasNulsAndBareCrs", At(Point::kRcpt, Say(std::string("550 5.1.1 \0who\r is \0that", 24))),
     "bounced InvalidRecipient"},
    {"RcptSaysPipeliningIsImproper", At(Point::kRcpt, First(1, {"554 5.5.1 Error: improper command pipelining"})),
     "*"},
    {"DataIs250", WithoutChunking(Point::kData, Say("250 ok")), "deferred ProtocolErrors"},
    {"DataIsSilence", WithoutChunking(Point::kData, Always({"", Then::kSilence})), "deferred NoAnswerFromHost"},
    {"DataDrips", WithoutChunking(Point::kData, Slowly("354 send it, whatever it is")), "deferred NoAnswerFromHost"},
    {"DataIsAnsweredAndClosed", WithoutChunking(Point::kData, Always({"354 go", Then::kFin})), "*"},
    {"DataIsAnsweredAndDeaf", WithoutChunking(Point::kData, Always({"354 go", Then::kDeaf})), "in doubt"},
    {"ContentIs354", At(Point::kContent, Say("354 more")), "in doubt ProtocolErrors"},
    {"ContentIsReset", At(Point::kContent, Always({"", Then::kReset})), "in doubt BadConnection"},
    {"ContentIsSilence", At(Point::kContent, Always({"", Then::kSilence})), "in doubt NoAnswerFromHost"},
    {"ContentDrips", At(Point::kContent, Slowly("250 queued as 123456789")), "in doubt NoAnswerFromHost"},
    {"ContentIs250WithoutItsEnd", At(Point::kContent, Raw("250 queued", Then::kFin)), "in doubt BadConnection"},
    {"ContentIsAcceptedAndClosed", At(Point::kContent, Always({"250 ok", Then::kFin})), "delivered"},
    {"ContentIsAcceptedAndReset", At(Point::kContent, Always({"250 ok", Then::kReset})), "*"},
    {"ContentIsAcceptedTwice", At(Point::kContent, Say("250 ok\r\n250 ok")), "delivered"},
    {"ContentIsAcceptedAnd421", At(Point::kContent, Always({"250 ok\r\n421 bye", Then::kFin})), "delivered"},
    {"DotIsAcceptedAndClosed", WithoutChunking(Point::kContent, Always({"250 ok", Then::kFin})), "delivered"},
    {"DotIsAcceptedAnd421", WithoutChunking(Point::kContent, Always({"250 ok\r\n421 bye", Then::kFin})), "delivered"},
    {"DotIsReset", WithoutChunking(Point::kContent, Always({"", Then::kReset})), "in doubt BadConnection"},
    {"QuitIsSilence", At(Point::kQuit, Always({"", Then::kSilence})), "delivered"},
    {"QuitDrips", At(Point::kQuit, Slowly("221 bye bye")), "delivered"},
    {"RsetIsSilence",
     [](Receiver& receiver) {
       receiver.At(Point::kRcpt, Say("450 4.2.0 later"));
       receiver.At(Point::kRset, Always({"", Then::kSilence}));
     },
     "*"},
    {"RsetIsRefused",
     [](Receiver& receiver) {
       receiver.At(Point::kRcpt, Say("450 4.2.0 later"));
       receiver.At(Point::kRset, Say("502 5.5.1 no"));
     },
     "deferred TransientFailure 450"},
};

class Hostile : public testing::TestWithParam<Behaviour> {};
INSTANTIATE_TEST_SUITE_P(BeforeAMessage, Hostile, testing::ValuesIn(kBeforeAMessage),
                         [](const auto& param) { return std::string(param.param.name); });
INSTANTIATE_TEST_SUITE_P(WithinAMessage, Hostile, testing::ValuesIn(kWithinAMessage),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(Hostile, HarmsNobody) {
  std::vector<std::string> addresses = Many(kRecipients);
  addresses.push_back(kOther);
  Scenario scenario({.addresses = addresses, .shaping = "[\"default\"]\nconnection_limit = 3\n"});
  Receiver& hostile = scenario.Serve("one.example");
  Receiver& other = scenario.Serve("other.example");
  GetParam().be(hostile);
  scenario.RunFor(Duration::Seconds(20));
  EXPECT_THAT(other.accepted(), ElementsAre(kOther)) << "other mail is held up";
  scenario.RunFor(Duration::Hours(3));
  EXPECT_THAT(hostile.connections(), SizeIs(Le(100u)));
  const bool sees_ends =
      std::string(GetParam().name).find("Deaf") == std::string::npos;  // Who reads nothing sees none.
  if (sees_ends) {
    EXPECT_LE(hostile.open_max(), 3u);
  }
  const std::vector<std::string> story = scenario.Story("a00@one.example");
  const auto first =
      std::find_if(story.begin(), story.end(), [](const std::string& line) { return !line.starts_with("attempt"); });
  const std::string expected = GetParam().first;
  EXPECT_TRUE(first == story.end() ? expected.empty() : expected == "*" || first->starts_with(expected))
      << testing::PrintToString(story);

  hostile.Forget();
  hostile.extensions = {"PIPELINING"};
  EXPECT_TRUE(scenario.Finish()) << testing::PrintToString(scenario.Pauses());
  for (const std::string& address : Many(kRecipients)) {
    const auto accepted = std::count(hostile.accepted().begin(), hostile.accepted().end(), address);
    const std::string last = scenario.Last(address);
    if (last.starts_with("delivered")) {
      EXPECT_EQ(accepted, 1) << address;
    } else if (last.starts_with("in doubt")) {
      EXPECT_LE(accepted, 1) << address;
    } else {
      EXPECT_TRUE(last.starts_with("bounced")) << address << ": " << last;
      EXPECT_EQ(accepted, 0) << address;
    }
  }
  scenario.RunFor(Duration::Minutes(2));
  if (sees_ends) {
    EXPECT_EQ(hostile.open(), 0u) << "a connection is left";
  }
}

// It announces PIPELINING and cannot do it: it says so, gets out of step, or hangs up.
TEST(HostileSerial, WhoGoesWrongWithGroupsGetsCommandsOneByOne) {
  const std::vector<Answer> wrongs = {{"554 5.5.1 Error: improper command pipelining"},
                                      {"503 5.5.0 <DATA>: Improper use of SMTP command pipelining"},
                                      {"Pardon?"},
                                      {"", Then::kReset}};
  for (const Answer& wrong : wrongs) {
    Scenario scenario({.addresses = Many(8), .shaping = kOneSession});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.extensions = {"PIPELINING"};
    std::uint32_t groups = 0;
    receiver.At(wrong.reply.empty() ? Point::kMail : Point::kRcpt, [&](const Question& question) {
      groups += question.grouped ? 1 : 0;
      return question.grouped ? std::optional(wrong) : std::nullopt;
    });
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(8));
    EXPECT_EQ(scenario.CountLast("delivered 250 ."), 8u);
    EXPECT_LE(groups, 3u);
  }
}

// It announces CHUNKING and does not know BDAT: nobody bounces for that, and all are sent with DATA.
TEST(HostileSerial, WhoDoesNotKnowBdatGetsData) {
  for (const char* reply :
       {"500 5.5.1 what is BDAT", "502 5.5.2 Not implemented", "503 Bad sequence", "504 5.5.4 No"}) {
    Scenario scenario({.addresses = Many(8), .shaping = kOneSession});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.At(Point::kContent, [&](const Question&) -> std::optional<Answer> {
      return receiver.CountOf("DATA") == 0 ? std::optional(Answer{reply}) : std::nullopt;
    });
    EXPECT_TRUE(scenario.Finish());
    EXPECT_THAT(receiver.accepted(), SizeIs(8)) << reply;
    EXPECT_EQ(scenario.CountLast("delivered 250 ."), 8u) << reply;
    EXPECT_EQ(receiver.CountOf("BDAT"), 1u) << reply;
  }
}

// What is about the message is no word about the command.
TEST(HostileSerial, ARefusedMessageIsNoUnknownCommand) {
  Scenario scenario({.addresses = Many(8), .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kContent, First(1, {"500 5.6.0 Cannot read this message"}));
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("bounced"), 1u);
  EXPECT_EQ(receiver.CountOf("DATA"), 0u);
}

TEST(HostileSerial, AnImproperMailIsNoRefusedSender) {
  Scenario scenario({.addresses = Many(8), .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kMail, [&](const Question& question) {
    return question.grouped ? std::optional(Answer{"503 5.5.0 Improper use of SMTP command pipelining"}) : std::nullopt;
  });
  scenario.RunFor(Duration::Minutes(45));
  EXPECT_THAT(receiver.accepted(), SizeIs(8));
  EXPECT_THAT(scenario.Suspensions(), SizeIs(0));
}

TEST(HostileSerial, ANameWithThatWordBlamesNothing) {
  Scenario scenario({.addresses = Many(8), .shaping = kOneSession});
  Receiver& receiver = scenario.Serve("one.example");
  receiver.At(Point::kRcpt, For("a03@one.example", {"550 5.1.1 <bob@pipeline-crm.example>: User unknown"}));
  bool grouped = false;
  receiver.At(Point::kMail, [&](const Question& question) {
    grouped = question.grouped;
    return std::nullopt;
  });
  EXPECT_TRUE(scenario.Finish());
  EXPECT_THAT(scenario.Last("a03@one.example"), StartsWith("bounced InvalidRecipient"));
  EXPECT_TRUE(grouped) << "the last message went one command at a time";
}

// The reply's time begins when the receiver has the message; each block of it has a time of its own.
TEST(HostileWatchdog, AReceiverMayBeSlowAsLongAsItMoves) {
  for (const bool chunking : {true, false}) {
    Scenario scenario({.addresses = Many(1), .shaping = kOneSession, .body_bytes = 3u << 20});
    Receiver& receiver = scenario.Serve("one.example");
    if (!chunking) receiver.extensions = {"PIPELINING"};
    receiver.rests_between_reads = Duration::Seconds(60);
    receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = Duration::Seconds(60)}));
    scenario.RunFor(Duration::Hours(2));
    EXPECT_THAT(scenario.Story("a00@one.example"), ElementsAre("attempt 1", StartsWith("delivered 250")));
    EXPECT_GT(scenario.Times("a00@one.example").back(), 11 * 60) << "it was not slow at all";
  }
}

TEST(HostileWatchdog, WhoTakesNoMoreOfAMessageHasThirteenMinutesAndNobodyIsInDoubt) {
  for (const bool chunking : {true, false}) {
    Scenario scenario({.addresses = Many(1), .shaping = kOneSession, .body_bytes = 3u << 20});
    Receiver& receiver = scenario.Serve("one.example");
    if (!chunking) receiver.extensions = {"PIPELINING"};
    receiver.rests_between_reads = Duration::Hours(10);
    scenario.RunFor(Duration::Seconds(790));  // Before the next try.
    const std::vector<std::string> story = scenario.Story("a00@one.example");
    ASSERT_GE(story.size(), 2u);
    EXPECT_THAT(story[1], StartsWith("deferred"));
    EXPECT_LE(scenario.Times("a00@one.example")[1], 785);
    EXPECT_THAT(receiver.accepted(), SizeIs(0));
  }
}

// What a watchdog is for: every byte comes in time, and nothing moves. Each reply has its time as a whole.
TEST(HostileWatchdog, ADripHoldsASessionNoLongerThanSilence) {
  for (const Point point : {Point::kGreeting, Point::kEhlo, Point::kMail}) {
    Scenario scenario({.addresses = Many(1), .shaping = kOneSession});
    Receiver& receiver = scenario.Serve("one.example");
    receiver.extensions = {"PIPELINING"};
    receiver.At(point, First(1, {.reply = "250-" + std::string(2000, 'x'), .drip = Duration::Seconds(20)}));
    scenario.RunFor(Duration::Minutes(5) + Duration::Seconds(10));
    EXPECT_EQ(receiver.open(), 0u);
    EXPECT_THAT(receiver.connections(), SizeIs(1));
  }
}

}  // namespace
}  // namespace sim
