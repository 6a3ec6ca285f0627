#include "engine/smtp/reply.h"

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Read {
  std::vector<Reply> replies;
  bool garbage = false;
  bool inside = false;
};

Read ReadAll(std::string_view bytes, std::size_t first = std::string_view::npos,
             std::size_t rest = std::string_view::npos) {
  ReplyParser parser;
  Read read;
  std::size_t size = first;
  while (!bytes.empty() && !read.garbage) {
    std::string_view part = bytes.substr(0, size);
    bytes.remove_prefix(part.size());
    size = rest;
    while (!part.empty() && !read.garbage) {
      Reply reply;
      const ReplyParser::Result result = parser.Feed(part, reply);
      if (result == ReplyParser::Result::kReply) read.replies.push_back(reply);
      read.garbage = result == ReplyParser::Result::kGarbage;
      EXPECT_TRUE(result != ReplyParser::Result::kNeedMore || part.empty());
    }
  }
  read.inside = parser.IsInside();
  return read;
}

Reply ReadOne(std::string_view bytes) {
  Read read = ReadAll(bytes);
  EXPECT_EQ(read.replies.size(), 1u) << bytes;
  EXPECT_FALSE(read.garbage) << bytes;
  if (read.replies.size() != 1) return Reply();
  return read.replies[0];
}

std::string Text(std::string_view bytes) { return ReadOne(bytes).ToString(); }

bool IsGarbage(std::string_view bytes) { return ReadAll(bytes).garbage; }

TEST(ReplyParser, ReadsTheSameRepliesHoweverTheBytesAreSplit) {
  constexpr std::string_view kBytes =
      "220 mx.example.com ESMTP\r\n250-mx.example.com\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"
      "550-5.1.1 no such\r\n550 5.1.1 user\r\n354\r\n";
  const auto expect_all = [](const Read& read) {
    EXPECT_FALSE(read.garbage);
    EXPECT_FALSE(read.inside);
    ASSERT_EQ(read.replies.size(), 4u);
    EXPECT_EQ(read.replies[0].ToString(), "220 mx.example.com ESMTP");
    EXPECT_THAT(read.replies[1].lines, ElementsAre("mx.example.com", "SIZE 1000", "PIPELINING"));
    EXPECT_EQ(read.replies[2].ToString(), "550 5.1.1 no such user");
    EXPECT_EQ(read.replies[3].ToString(), "354");
  };
  for (std::size_t at = 1; at <= kBytes.size(); ++at) {
    SCOPED_TRACE(at);
    expect_all(ReadAll(kBytes, at));
    expect_all(ReadAll(kBytes, at, 1));
    expect_all(ReadAll(kBytes, at, at));
  }
}

TEST(ReplyParser, LeavesTheBytesAfterAReply) {
  ReplyParser parser;
  Reply reply;
  std::string_view bytes = "250 one\r\n251 two\r\n252 th";
  EXPECT_EQ(parser.Feed(bytes, reply), ReplyParser::Result::kReply);
  EXPECT_EQ(bytes, "251 two\r\n252 th");
  EXPECT_EQ(reply.code, 250);
  EXPECT_EQ(parser.Feed(bytes, reply), ReplyParser::Result::kReply);
  EXPECT_EQ(reply.code, 251);
  EXPECT_FALSE(parser.IsInside());
  EXPECT_EQ(parser.Feed(bytes, reply), ReplyParser::Result::kNeedMore);
  EXPECT_TRUE(parser.IsInside());
}

TEST(ReplyParser, IsInsideAReplyBetweenItsLines) {
  EXPECT_TRUE(ReadAll("250-mx.example.com\r\n").inside);
  EXPECT_TRUE(ReadAll("2").inside);
  EXPECT_FALSE(ReadAll("250 mx.example.com\r\n").inside);
}

TEST(ReplyParser, AcceptsABareLineFeedAndALineThatIsOnlyACode) {
  EXPECT_EQ(Text("250 ok\n"), "250 ok");
  EXPECT_EQ(Text("250\r\n"), "250");
  EXPECT_EQ(Text("250 \r\n"), "250");
  EXPECT_EQ(Text("250-\r\n250\r\n"), "250");
}

TEST(ReplyParser, JoinsLinesByOneSpaceAndSkipsEmptyOnes) {
  EXPECT_EQ(Text("550-  one \r\n550-\r\n550-two\r\n550 \tthree\r\n"), "550 one two three");
}

TEST(ReplyParser, TakesTheCodeOfTheLastLine) {
  const Reply reply = ReadOne("250-4.2.0 first\r\n451 4.2.0 second\r\n");
  EXPECT_EQ(reply.code, 451);
  EXPECT_FALSE(reply.IsPositive());
  EXPECT_EQ(reply.ToString(), "451 4.2.0 first second");
}

TEST(ReplyParser, TakesTheEnhancedCodeOutOfEveryLine) {
  const Reply reply = ReadOne("550-5.7.26 unauthenticated\r\n550-5.7.26 see\r\n550 5.7.26\r\n");
  EXPECT_TRUE(reply.enhanced.Is(7, 26));
  EXPECT_EQ(reply.text, "unauthenticated see");
  EXPECT_THAT(reply.lines, ElementsAre("5.7.26 unauthenticated", "5.7.26 see", "5.7.26"));
}

TEST(ReplyParser, KeepsTheFirstOfDifferentEnhancedCodes) {
  const Reply reply = ReadOne("550-5.1.1 one\r\n550 5.7.1 two\r\n");
  EXPECT_TRUE(reply.enhanced.Is(1, 1));
}

TEST(ReplyParser, TakesNoEnhancedCodeWhoseClassIsAnother) {
  EXPECT_FALSE(ReadOne("550 4.1.1 later\r\n").enhanced.IsPresent());
  EXPECT_EQ(ReadOne("550 4.1.1 later\r\n").text, "4.1.1 later");
}

TEST(ReplyParser, TakesNoEnhancedCodeFromOtherDottedWords) {
  for (const std::string_view text : {"5.1", "5.1.", "5..1", "5.1.1234 x", "5.1.1x", "5.1.1.1 is listed", "5.1.1: x",
                                      "5 .1.1", "5555.1.1", "see 5.1.1", ".5.1.1"}) {
    const Reply reply = ReadOne("550 " + std::string(text) + "\r\n");
    EXPECT_FALSE(reply.enhanced.IsPresent()) << text;
    EXPECT_EQ(reply.text, text);
  }
  EXPECT_EQ(ReadOne("550 5.999.999 x\r\n").enhanced, (EnhancedCode{.digits = {5, 999, 999}}));
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  for (const std::string_view bytes :
       {"\r\n", "HTTP/1.1 400 Bad Request\r\n", "25\r\n", "2500 x\r\n", "250x\r\n", "150 x\r\n", "650 x\r\n",
        "050 x\r\n", "2x0 a\r\n", "25x a\r\n", " 250 a\r\n", "-250 a\r\n", "\xff\xfe\r\n", "250_a\r\n", "250\ta\r\n"}) {
    EXPECT_TRUE(IsGarbage(bytes)) << bytes;
  }
  EXPECT_TRUE(IsGarbage(std::string_view("\0\0\0\n", 4)));
  EXPECT_TRUE(IsGarbage("250-one\r\nnot a reply\r\n"));
}

TEST(ReplyParser, GivesTheRepliesBeforeTheGarbage) {
  const Read read = ReadAll("250 ok\r\nSSH-2.0\r\n250 ok\r\n");
  EXPECT_TRUE(read.garbage);
  EXPECT_EQ(read.replies.size(), 1u);
}

TEST(ReplyParser, RefusesALineThatIsTooLongBeforeItEnds) {
  const std::string fits = "250 " + std::string(ReplyParser::kLineMax - 5, 'a') + "\r\n";
  EXPECT_EQ(ReadOne(fits).lines.front().size(), ReplyParser::kLineMax - 5);
  const std::string over = "250 " + std::string(ReplyParser::kLineMax - 4, 'a') + "\r\n";
  EXPECT_TRUE(IsGarbage(over));
  EXPECT_TRUE(IsGarbage(std::string(ReplyParser::kLineMax + 1, '2')));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    EXPECT_FALSE(ReadAll(fits, piece, piece).garbage) << piece;
    EXPECT_TRUE(ReadAll(over, piece, piece).garbage) << piece;
  }
}

TEST(ReplyParser, RefusesAReplyOfTooManyLines) {
  std::string lines;
  for (std::size_t i = 1; i < ReplyParser::kLinesMax; ++i) lines += "250-x\r\n";
  EXPECT_EQ(ReadOne(lines + "250 x\r\n").lines.size(), ReplyParser::kLinesMax);
  EXPECT_TRUE(IsGarbage(lines + "250-x\r\n250 x\r\n"));
}

TEST(Reply, GivesTextThatIsPrintableUtf8) {
  EXPECT_EQ(Text("550 a\x1b[31mb\x7f\r\n"), "550 a [31mb ");
  EXPECT_EQ(Text("550 gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80\r\n"), "550 grüß dich € 😀");
  EXPECT_EQ(Text("550 a\xff\xc3+\xe2\x82 b\xf0\x9f\x98\r\n"), "550 a??+?? b???");
  EXPECT_EQ(ReadOne(std::string_view("550 a\0b\r\n", 9)).text, "a b");
}

TEST(Reply, ShowsNoControlsBeyondAscii) {
  EXPECT_EQ(Printable("a\xc2\x9b"
                      "31m\xc2\x85z"),
            "a 31m z");
  EXPECT_EQ(Printable("\xc2\xa9"), "©");
}

TEST(Reply, KeepsLinesAsTheyCame) {
  EXPECT_THAT(ReadOne("250-a\x01 \r\n250  b\r\n").lines, ElementsAre("a\x01 ", " b"));
  EXPECT_THAT(ReadAll("").replies, IsEmpty());
}

TEST(ReplyParser, KeepsTheBeginningOfALongText) {
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += "450-" + std::string(1000, 'x') + "\xC3\xA4\r\n";
  bytes += "450 end\r\n";
  std::string_view rest = bytes;
  ReplyParser parser;
  Reply reply;
  ASSERT_EQ(parser.Feed(rest, reply), ReplyParser::Result::kReply);
  EXPECT_LE(reply.text.size(), Reply::kTextMax);
  EXPECT_GE(reply.text.size(), Reply::kTextMax - 3);
  EXPECT_EQ(reply.text, Printable(reply.text)) << "cut within a character";
}

}  // namespace
}  // namespace smtp
