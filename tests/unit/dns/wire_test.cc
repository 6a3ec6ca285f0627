#include "dns/wire.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dns {
namespace {

using base::Duration;

Query QueryFor(const std::string& name, RecordType type) { return *ParseQuery(BuildQuery(0x1234, name, type)); }

Record Address(std::string_view text) {
  Record record;
  record.address = *base::IpAddress::Parse(text);
  return record;
}

Record Named(const std::string& name, std::uint16_t preference = 0) {
  Record record;
  record.name = name;
  record.preference = preference;
  return record;
}

TEST(Wire, AQueryIsReadAsItWasBuilt) {
  const auto query = ParseQuery(BuildQuery(0xBEEF, "Example.COM.", RecordType::kMx));
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->id, 0xBEEF);
  EXPECT_EQ(query->name, "example.com");
  EXPECT_EQ(query->type, 15);
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_TRUE(query->edns);
  EXPECT_EQ(query->udp_size, 1232);
}

TEST(Wire, OnlyCompleteStandardQueriesAreQueries) {
  const std::string good = BuildQuery(1, "example.com", RecordType::kA);
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(ParseQuery(good.substr(0, size))) << size;
  std::string response = good;
  response[2] = static_cast<char>(response[2] | 0x80);
  EXPECT_FALSE(ParseQuery(response).has_value());
  std::string update = good;
  update[2] = static_cast<char>(5 << 3);
  EXPECT_FALSE(ParseQuery(update).has_value());
  std::string two_questions = good;
  two_questions[5] = 2;
  EXPECT_FALSE(ParseQuery(two_questions).has_value());
}

TEST(Wire, AnswersComeInTheOrderOfTheMessageWithTheSmallestTtl) {
  ResponseBuilder builder(QueryFor("example.com", RecordType::kMx), ResponseCode::kNoError);
  EXPECT_TRUE(builder.AddAnswer(RecordType::kMx, 600, Named("b.example.com", 20)));
  EXPECT_TRUE(builder.AddAnswer(RecordType::kMx, 300, Named("A.example.com", 10)));
  const Answer answer = ParseAnswer(builder.Build(1232), "EXAMPLE.com", RecordType::kMx);
  ASSERT_EQ(answer.kind, AnswerKind::kFound) << answer.detail;
  ASSERT_EQ(answer.records.size(), 2U);
  EXPECT_EQ(answer.records[0].name, "b.example.com");
  EXPECT_EQ(answer.records[0].preference, 20);
  EXPECT_EQ(answer.records[1].name, "a.example.com");
  EXPECT_EQ(answer.ttl, Duration::Seconds(300));
}

TEST(Wire, EveryTypeSurvivesTheTrip) {
  const auto trip = [](RecordType type, const Record& record) {
    ResponseBuilder builder(QueryFor("x.example", type), ResponseCode::kNoError);
    EXPECT_TRUE(builder.AddAnswer(type, 60, record));
    return ParseAnswer(builder.Build(65'535), "x.example", type).records.at(0);
  };
  EXPECT_EQ(trip(RecordType::kA, Address("192.0.2.1")).address, Address("192.0.2.1").address);
  EXPECT_EQ(trip(RecordType::kAaaa, Address("2001:db8::1")).address, Address("2001:db8::1").address);
  EXPECT_EQ(trip(RecordType::kPtr, Named("host.example")).name, "host.example");
  EXPECT_EQ(trip(RecordType::kCname, Named("other.example")).name, "other.example");
  EXPECT_EQ(trip(RecordType::kMx, Named("", 0)).name, "");
  Record text;
  text.text = std::string(600, 't') + "end";
  EXPECT_EQ(trip(RecordType::kTxt, text).text, text.text);
  EXPECT_EQ(trip(RecordType::kTxt, Record()).text, "");
  Record tlsa;
  tlsa.text = std::string("\3\1\1", 3) + std::string(32, '\0');
  EXPECT_EQ(trip(RecordType::kTlsa, tlsa).text, tlsa.text);
}

TEST(Wire, WhatCannotBeWrittenIsLeftOut) {
  ResponseBuilder builder(QueryFor("example.com", RecordType::kA), ResponseCode::kNoError);
  EXPECT_FALSE(builder.AddAnswer(RecordType::kA, 1, Address("2001:db8::1")));
  EXPECT_FALSE(builder.AddAnswer(RecordType::kMx, 1, Named("a..b")));
  EXPECT_FALSE(builder.AddAnswer("a b", RecordType::kA, 1, Address("192.0.2.1")));
  EXPECT_EQ(ParseAnswer(builder.Build(512), "example.com", RecordType::kA).kind, AnswerKind::kNoData);
}

TEST(Wire, S16_FollowsCnamesAsIfTheyWereTheNameAndTakesTheSmallestTtl) {
  ResponseBuilder builder(QueryFor("a.example", RecordType::kA), ResponseCode::kNoError);
  builder.AddAnswer("c.example", RecordType::kA, 500, Address("192.0.2.7"));
  builder.AddAnswer("b.example", RecordType::kCname, 40, Named("c.example"));
  builder.AddAnswer("a.example", RecordType::kCname, 100, Named("b.example"));
  builder.AddAnswer("other.example", RecordType::kA, 1, Address("192.0.2.66"));
  const Answer answer = ParseAnswer(builder.Build(1232), "a.example", RecordType::kA);
  ASSERT_EQ(answer.kind, AnswerKind::kFound);
  ASSERT_EQ(answer.records.size(), 1U);
  EXPECT_EQ(answer.records[0].address, Address("192.0.2.7").address);
  EXPECT_EQ(answer.ttl, Duration::Seconds(40));
  EXPECT_EQ(answer.canonical, "c.example");
}

TEST(Wire, S21_AnExchangerThatIsAnAliasHasTheAddressOfItsTarget) {
  const Query query{.id = 1, .name = "mx.example.com", .type = 1};
  ResponseBuilder builder(query, ResponseCode::kNoError);
  Record alias, address;
  alias.name = "real.example.net";
  address.address = base::IpAddress::V4(0xC0000201);
  ASSERT_TRUE(builder.AddAnswer("mx.example.com", RecordType::kCname, 60, alias));
  ASSERT_TRUE(builder.AddAnswer("real.example.net", RecordType::kA, 60, address));
  const Answer answer = ParseAnswer(builder.Build(512), "mx.example.com", RecordType::kA);
  ASSERT_EQ(answer.kind, AnswerKind::kFound) << answer.detail;
  EXPECT_EQ(answer.records.at(0).address.ToString(), "192.0.2.1");
}

TEST(Wire, TheStringsOfATextAreJoinedWithoutSpaces) {  // RFC 7208 section 3.3.
  const Query query{.id = 1, .name = "example.com", .type = 16};
  ResponseBuilder builder(query, ResponseCode::kNoError);
  Record record;
  for (int i = 0; record.text.size() < 600; ++i) record.text += absl::StrCat("ip4:192.0.2.", i, " ");
  ASSERT_TRUE(builder.AddAnswer(RecordType::kTxt, 60, record));
  const std::string message = builder.Build(65'535);
  EXPECT_NE(message.find(std::string("\xFF") + record.text.substr(0, 255) + "\xFF"), std::string::npos);
  EXPECT_EQ(ParseAnswer(message, "example.com", RecordType::kTxt).records.at(0).text, record.text);
}

TEST(Wire, S16_ACircleOrTooLongAChainOfCnamesIsAFailure) {
  ResponseBuilder circle(QueryFor("a.example", RecordType::kA), ResponseCode::kNoError);
  circle.AddAnswer("a.example", RecordType::kCname, 100, Named("b.example"));
  circle.AddAnswer("b.example", RecordType::kCname, 100, Named("a.example"));
  EXPECT_EQ(ParseAnswer(circle.Build(1232), "a.example", RecordType::kA).kind, AnswerKind::kServerFail);
  const auto chain = [](int length) {
    ResponseBuilder builder(QueryFor("n0.example", RecordType::kA), ResponseCode::kNoError);
    for (int i = 0; i < length; ++i) {
      builder.AddAnswer(absl::StrCat("n", i, ".example"), RecordType::kCname, 9,
                        Named(absl::StrCat("n", i + 1, ".example")));
    }
    builder.AddAnswer(absl::StrCat("n", length, ".example"), RecordType::kA, 9, Address("192.0.2.1"));
    return ParseAnswer(builder.Build(65'535), "n0.example", RecordType::kA).kind;
  };
  EXPECT_EQ(chain(16), AnswerKind::kFound);
  EXPECT_EQ(chain(17), AnswerKind::kServerFail);
}

TEST(Wire, NegativeAnswersLiveAsTheSoaSaysButNotTooLong) {
  ResponseBuilder none(QueryFor("example.com", RecordType::kMx), ResponseCode::kNoError);
  none.AddSoa(120);
  const Answer no_data = ParseAnswer(none.Build(1232), "example.com", RecordType::kMx);
  EXPECT_EQ(no_data.kind, AnswerKind::kNoData);
  EXPECT_EQ(no_data.ttl, Duration::Seconds(120));

  ResponseBuilder missing(QueryFor("gone.example", RecordType::kMx), ResponseCode::kNoDomain);
  missing.AddSoa(1'000'000);
  const Answer no_domain = ParseAnswer(missing.Build(1232), "gone.example", RecordType::kMx);
  EXPECT_EQ(no_domain.kind, AnswerKind::kNoDomain);
  EXPECT_EQ(no_domain.ttl, kNegativeTtlMax);

  ResponseBuilder without_soa(QueryFor("gone.example", RecordType::kMx), ResponseCode::kNoDomain);
  EXPECT_EQ(ParseAnswer(without_soa.Build(1232), "gone.example", RecordType::kMx).ttl, Duration());
}

TEST(Wire, ATtlWithTheTopBitIsZero) {
  ResponseBuilder builder(QueryFor("example.com", RecordType::kA), ResponseCode::kNoError);
  builder.AddAnswer(RecordType::kA, 0x8000'0001U, Address("192.0.2.1"));
  EXPECT_EQ(ParseAnswer(builder.Build(1232), "example.com", RecordType::kA).ttl, Duration());
}

TEST(Wire, OtherCodesAndOtherQuestionsAreFailures) {
  const Query query = QueryFor("example.com", RecordType::kMx);
  EXPECT_THAT(
      ParseAnswer(ResponseBuilder(query, ResponseCode::kServerFail).Build(512), "example.com", RecordType::kMx).detail,
      testing::HasSubstr("SERVFAIL"));
  EXPECT_THAT(
      ParseAnswer(ResponseBuilder(query, ResponseCode::kRefused).Build(512), "example.com", RecordType::kMx).detail,
      testing::HasSubstr("REFUSED"));
  const std::string ok = ResponseBuilder(query, ResponseCode::kNoError).Build(512);
  EXPECT_EQ(ParseAnswer(ok, "example.com", RecordType::kMx).kind, AnswerKind::kNoData);
  EXPECT_EQ(ParseAnswer(ok, "example.org", RecordType::kMx).kind, AnswerKind::kServerFail);
  EXPECT_EQ(ParseAnswer(ok, "example.com", RecordType::kA).kind, AnswerKind::kServerFail);
  EXPECT_EQ(ParseAnswer(BuildQuery(1, "example.com", RecordType::kMx), "example.com", RecordType::kMx).kind,
            AnswerKind::kServerFail);
}

// The header's second two bytes.
std::string WithFlags(std::string message, bool authoritative, bool recursion_available) {
  message[2] = static_cast<char>((message[2] & ~4) | (authoritative ? 4 : 0));
  message[3] = static_cast<char>((message[3] & ~0x80) | (recursion_available ? 0x80 : 0));
  return message;
}

// A record of no data but its owner's name, in the authority section.
std::string WithAuthority(std::string message, std::uint16_t type) {
  CHECK(message[9] == 0 && message[11] == 0);
  message[9] = 1;
  message += std::string("\xC0\x0C", 2) + std::string({'\0', static_cast<char>(type)}) +
             std::string("\0\1\0\0\0\x3C\0\2\xC0\x0C", 10);
  return message;
}

// RFC 2308 sections 2.1 and 2.2.
TEST(Wire, WhatAServerThatDoesNotRecurseDoesNotKnowIsNotMissing) {
  Query query = QueryFor("example.com", RecordType::kMx);
  query.edns = false;
  const auto kind = [](const std::string& message) {
    return ParseAnswer(message, "example.com", RecordType::kMx).kind;
  };
  for (const ResponseCode code : {ResponseCode::kNoError, ResponseCode::kNoDomain}) {
    const AnswerKind no = code == ResponseCode::kNoError ? AnswerKind::kNoData : AnswerKind::kNoDomain;
    const std::string empty = ResponseBuilder(query, code).Build(512);
    EXPECT_EQ(kind(WithFlags(empty, false, true)), no);
    EXPECT_EQ(kind(WithFlags(empty, true, false)), no) << "of its own names it knows";
    EXPECT_EQ(kind(WithFlags(empty, false, false)), AnswerKind::kServerFail);
    const bool is_referral = code == ResponseCode::kNoError;  // Section 2.1: NXDOMAIN may come with NS records alone.
    EXPECT_EQ(kind(WithAuthority(WithFlags(empty, false, true), 2)), is_referral ? AnswerKind::kServerFail : no);
    ResponseBuilder alias(query, code);
    alias.AddAnswer(RecordType::kCname, 60, Named("elsewhere.example"));
    EXPECT_EQ(kind(WithFlags(alias.Build(512), true, false)), AnswerKind::kServerFail) << "but not where they lead";
    EXPECT_EQ(kind(WithFlags(alias.Build(512), true, true)), no);
  }
  ResponseBuilder found(query, ResponseCode::kNoError);
  found.AddAnswer(RecordType::kMx, 60, Named("mx.example.com", 10));
  EXPECT_EQ(kind(WithFlags(found.Build(512), false, false)), AnswerKind::kFound);
}

// RFC 6891 section 6.1.3: BADVERS is 16.
TEST(Wire, TheUpperBitsOfTheCodeCount) {
  Query query = QueryFor("example.com", RecordType::kMx);
  query.edns = true;
  std::string message = ResponseBuilder(query, ResponseCode::kNoError).Build(512);
  ASSERT_EQ(ParseAnswer(message, "example.com", RecordType::kMx).kind, AnswerKind::kNoData);
  message[message.size() - 6] = 1;  // The first byte of the OPT record's TTL.
  const Answer answer = ParseAnswer(message, "example.com", RecordType::kMx);
  EXPECT_EQ(answer.kind, AnswerKind::kServerFail);
  EXPECT_THAT(answer.detail, testing::HasSubstr("16"));
}

TEST(Wire, ALongResponseIsTruncatedAndSaysSo) {
  ResponseBuilder builder(QueryFor("example.com", RecordType::kTxt), ResponseCode::kNoError);
  Record text;
  text.text = std::string(2000, 'x');
  ASSERT_TRUE(builder.AddAnswer(RecordType::kTxt, 60, text));
  const std::string cut = builder.Build(1232);
  EXPECT_LE(cut.size(), 1232U);
  EXPECT_TRUE(IsTruncated(cut));
  EXPECT_EQ(ParseAnswer(cut, "example.com", RecordType::kTxt).kind, AnswerKind::kServerFail);
  EXPECT_FALSE(IsTruncated(builder.Build(65'535)));
}

TEST(Wire, AMessageCutAnywhereIsAFailure) {
  ResponseBuilder builder(QueryFor("example.com", RecordType::kMx), ResponseCode::kNoError);
  builder.AddAnswer(RecordType::kMx, 600, Named("mx.example.com", 20));
  builder.AddSoa(60);
  const std::string whole = builder.Build(1232);
  const std::size_t without_opt = whole.size() - 11;
  for (std::size_t size = 0; size < without_opt; ++size) {
    EXPECT_EQ(ParseAnswer(whole.substr(0, size), "example.com", RecordType::kMx).kind, AnswerKind::kServerFail) << size;
  }
}

TEST(Wire, ARecordWhoseDataHasTheWrongSizeIsAFailure) {
  ResponseBuilder builder(QueryFor("example.com", RecordType::kA), ResponseCode::kNoError);
  builder.AddAnswer(RecordType::kA, 600, Address("192.0.2.1"));
  std::string message = builder.Build(1232);
  const std::size_t size_at = message.size() - 11 - 4 - 1;
  message[size_at] = 3;
  EXPECT_EQ(ParseAnswer(message, "example.com", RecordType::kA).kind, AnswerKind::kServerFail);
}

}  // namespace
}  // namespace dns
