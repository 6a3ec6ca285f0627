#include "engine/ledger/codec.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ledger {
namespace {

using Result = RecordDecoder::Result;

// A decoder with the bytes of the last record.
struct Decoding {
  RecordDecoder decoder;
  std::string bytes;
};

template <typename AnyRecord>
AnyRecord RoundTrip(const AnyRecord& record, Decoding& decoding) {
  RecordEncoder encoder;
  decoding.bytes.clear();
  encoder.Append(record, decoding.bytes);
  Record read;
  Result result = Result::kDefinition;
  for (std::string_view rest = decoding.bytes; !rest.empty();) result = decoding.decoder.Next(rest, read);
  EXPECT_EQ(result, Result::kRecord);
  return std::get<AnyRecord>(read);
}

Outcome FullOutcome() {
  Outcome outcome;
  outcome.recipient = std::numeric_limits<std::uint64_t>::max();
  outcome.kind = OutcomeKind::kResend;
  outcome.number = UINT16_MAX;
  outcome.revision = 3;
  outcome.time = base::WallTime::FromMicroseconds(1'795'510'800'123'456);
  outcome.due = base::WallTime::FromMicroseconds(-1);  // Before 1970: the wall clock of a broken machine.
  outcome.reply_code = 451;
  outcome.enhanced[0] = 4;
  outcome.enhanced[1] = 7;
  outcome.enhanced[2] = 650;
  outcome.reply_text = "try later";
  outcome.command = "RCPT";
  outcome.classification = "RateLimited";
  outcome.site = "(mx1|mx2).example";
  outcome.provider = "google";
  outcome.source = "ip-1";
  outcome.pool = "main";
  outcome.source_address = "192.0.2.1";
  outcome.peer_name = "mx1.example";
  outcome.peer_address = "2001:db8::1";
  outcome.session = 1ull << 44;
  outcome.connection_use = UINT32_MAX;
  outcome.size = 123'456'789'012;
  outcome.tls_protocol = "TLSv1.3";
  outcome.tls_cipher = "TLS_AES_256_GCM_SHA384";
  outcome.tls_resumed = true;
  outcome.timings = {1, 2, 3, 4, 5, 6, 7, 8, UINT32_MAX};
  outcome.throttled_by = "max_message_rate";
  return outcome;
}

TEST(RecordCodec, GivesBackAnAttempt) {
  Decoding decoding;
  const Attempt attempt{
      .recipient = 1ull << 40, .number = 7, .time = base::WallTime::FromMicroseconds(12'345), .session = 99};
  const Attempt read = RoundTrip(attempt, decoding);
  EXPECT_EQ(read.recipient, attempt.recipient);
  EXPECT_EQ(read.number, attempt.number);
  EXPECT_EQ(read.time, attempt.time);
  EXPECT_EQ(read.session, attempt.session);
  EXPECT_EQ(read.via, 0u);
}

TEST(RecordCodec, GivesBackAnAttemptByAnotherSource) {
  Decoding decoding;
  const Attempt attempt{.recipient = 5, .number = 1, .time = base::WallTime(), .session = 99, .via = 300};
  EXPECT_EQ(RoundTrip(attempt, decoding).via, 300u);
}

TEST(RecordCodec, GivesBackEveryFieldOfAnOutcome) {
  Decoding decoding;
  const Outcome out = FullOutcome();
  const Outcome in = RoundTrip(out, decoding);
  EXPECT_EQ(in.recipient, out.recipient);
  EXPECT_EQ(in.kind, out.kind);
  EXPECT_EQ(in.number, out.number);
  EXPECT_EQ(in.revision, out.revision);
  EXPECT_EQ(in.time, out.time);
  EXPECT_EQ(in.due, out.due);
  EXPECT_EQ(in.reply_code, out.reply_code);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(in.enhanced[i], out.enhanced[i]) << i;
  EXPECT_EQ(in.reply_text, out.reply_text);
  EXPECT_EQ(in.command, out.command);
  EXPECT_EQ(in.classification, out.classification);
  EXPECT_EQ(in.site, out.site);
  EXPECT_EQ(in.provider, out.provider);
  EXPECT_EQ(in.source, out.source);
  EXPECT_EQ(in.pool, out.pool);
  EXPECT_EQ(in.source_address, out.source_address);
  EXPECT_EQ(in.peer_name, out.peer_name);
  EXPECT_EQ(in.peer_address, out.peer_address);
  EXPECT_EQ(in.session, out.session);
  EXPECT_EQ(in.connection_use, out.connection_use);
  EXPECT_EQ(in.size, out.size);
  EXPECT_EQ(in.tls_protocol, out.tls_protocol);
  EXPECT_EQ(in.tls_cipher, out.tls_cipher);
  EXPECT_EQ(in.tls_resumed, out.tls_resumed);
  const Timings &a = in.timings, &b = out.timings;
  EXPECT_EQ((std::vector{a.queue, a.dns, a.connect, a.banner, a.tls, a.mail, a.rcpt, a.data, a.dot}),
            (std::vector{b.queue, b.dns, b.connect, b.banner, b.tls, b.mail, b.rcpt, b.data, b.dot}));
  EXPECT_EQ(in.throttled_by, out.throttled_by);
}

TEST(RecordCodec, GivesBackStatesOfCampaignAndSite) {
  Decoding decoding;
  const CampaignState campaign = RoundTrip(CampaignState{.kind = CampaignStateKind::kResumed,
                                                         .time = base::WallTime::FromSeconds(5),
                                                         .scope = "campaign",
                                                         .by = "operator",
                                                         .reason = "mended",
                                                         .sample = "550 no"},
                                           decoding);
  EXPECT_EQ(campaign.kind, CampaignStateKind::kResumed);
  EXPECT_EQ(campaign.time, base::WallTime::FromSeconds(5));
  EXPECT_EQ(campaign.scope, "campaign");
  EXPECT_EQ(campaign.by, "operator");
  EXPECT_EQ(campaign.reason, "mended");
  EXPECT_EQ(campaign.sample, "550 no");
  const SiteState site = RoundTrip(SiteState{.time = base::WallTime::FromSeconds(6),
                                             .site = "mx.example",
                                             .source = "ip-1",
                                             .until = base::WallTime::FromSeconds(3606),
                                             .reason = "SpamBlock",
                                             .sample = "550 blocked",
                                             .scope = "tenant:acme"},
                                   decoding);
  EXPECT_EQ(site.scope, "tenant:acme");
  EXPECT_EQ(site.time, base::WallTime::FromSeconds(6));
  EXPECT_EQ(site.site, "mx.example");
  EXPECT_EQ(site.source, "ip-1");
  EXPECT_EQ(site.until, base::WallTime::FromSeconds(3606));
  EXPECT_EQ(site.reason, "SpamBlock");
  EXPECT_EQ(site.sample, "550 blocked");
}

TEST(RecordCodec, WritesAStringOncePerSegment) {
  RecordEncoder encoder;
  std::string first, second, next_segment;
  encoder.Append(FullOutcome(), first);
  encoder.Append(FullOutcome(), second);
  EXPECT_LT(second.size() + 100, first.size());
  encoder.Reset();
  encoder.Append(FullOutcome(), next_segment);
  EXPECT_EQ(next_segment, first);
}

TEST(RecordCodec, CarriesTextsThatAreTooLongOrTooManyForTheTable) {
  RecordEncoder encoder;
  RecordDecoder decoder;
  std::string bytes;
  const int count = 70'000;  // More than a segment's table holds.
  for (int i = 0; i < count; ++i) {
    Outcome outcome;
    const std::string site = "site" + std::to_string(i), source(300, static_cast<char>('a' + i % 26));
    outcome.site = site;
    outcome.source = source;
    encoder.Append(outcome, bytes);
  }
  int read = 0;
  for (std::string_view rest = bytes; !rest.empty();) {
    Record record;
    const Result result = decoder.Next(rest, record);
    ASSERT_NE(result, Result::kBad);
    if (result != Result::kRecord) continue;
    ASSERT_EQ(std::get<Outcome>(record).site, "site" + std::to_string(read));
    ASSERT_EQ(std::get<Outcome>(record).source, std::string(300, static_cast<char>('a' + read % 26)));
    ++read;
  }
  EXPECT_EQ(read, count);
}

TEST(RecordCodec, RefusesEveryRecordThatIsCutOff) {
  RecordEncoder encoder;
  std::string definitions, bytes;
  encoder.Append(FullOutcome(), definitions);
  encoder.Append(FullOutcome(), bytes);  // Its strings are known: one entry.
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    RecordDecoder decoder;
    Record record;
    for (std::string_view rest = definitions; !rest.empty();) ASSERT_NE(decoder.Next(rest, record), Result::kBad);
    std::string_view cut = std::string_view(bytes).substr(0, size);
    EXPECT_EQ(decoder.Next(cut, record), Result::kBad) << size;
  }
}

// An entry of one-byte kind and size.
std::string Entry(char kind, std::string_view body) {
  return std::string{kind, static_cast<char>(body.size())} + std::string(body);
}
Result Decode(std::string_view bytes) {
  RecordDecoder decoder;
  Record record;
  return decoder.Next(bytes, record);
}

TEST(RecordCodec, PassesOverKindsThatAreMeantToBePassedOver) {
  EXPECT_EQ(Decode(Entry(64, "anything")), Result::kUnknown);
  EXPECT_EQ(Decode(Entry(6, "anything")), Result::kBad);
  EXPECT_EQ(Decode(Entry(0, "")), Result::kBad);
}

TEST(RecordCodec, PassesOverFieldsThatALaterFormatAdds) {
  RecordEncoder encoder;
  std::string bytes;
  encoder.Append(Attempt{.recipient = 3, .number = 1, .time = {}, .session = 4}, bytes);
  std::string longer = Entry(2, bytes.substr(2) + "more");
  std::string_view rest = longer;
  RecordDecoder decoder;
  Record record;
  EXPECT_EQ(decoder.Next(rest, record), Result::kRecord);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(std::get<Attempt>(record).session, 4u);
}

TEST(RecordCodec, RefusesAKindOfOutcomeThatItDoesNotKnow) {  // Anything else would be a guess about a recipient.
  RecordEncoder encoder;
  std::string good;
  Outcome outcome;
  outcome.recipient = 1;
  outcome.kind = OutcomeKind::kDelivered;
  encoder.Append(outcome, good);
  ASSERT_EQ(Decode(good), Result::kRecord);
  for (const char kind : {'\0', '\x0a', '\x64'}) {
    std::string bad = good;
    bad[3] = kind;  // After the entry's kind and size, and the recipient.
    EXPECT_EQ(Decode(bad), Result::kBad) << static_cast<int>(kind);
  }
  std::string state;
  encoder.Append(CampaignState{}, state);
  for (const char kind : {'\0', '\x09'}) {
    std::string bad = state;
    bad[2] = kind;
    EXPECT_EQ(Decode(bad), Result::kBad) << static_cast<int>(kind);
  }
}

TEST(RecordCodec, RefusesNumbersThatDoNotFitAndStringsThatAreNotDefined) {
  // An attempt whose number is 65,536.
  EXPECT_EQ(Decode(Entry(2, std::string("\x01\x80\x80\x04\x00\x00", 6))), Result::kBad);
  // A varint that does not end within 64 bits.
  EXPECT_EQ(Decode(Entry(2, std::string(11, '\x80'))), Result::kBad);
  // The state of a site whose name is string 0 of an empty table.
  EXPECT_EQ(Decode(Entry(5, std::string("\x00\x02\x00\x00\x00\x00", 6))), Result::kBad);
}

}  // namespace
}  // namespace ledger
