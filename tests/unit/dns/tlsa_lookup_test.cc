// Where TLSA records are looked for (RFC 7672 sections 2.1.3, 2.2.2 and 2.2.3).
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "dns/mx_lookup.h"
#include "tests/unit/dns/scripted_resolver.h"

namespace dns {
namespace {

using Kind = TlsaRecords::Kind;

constexpr char kOwn[] = "_25._tcp.mx.example";
constexpr char kCanonical[] = "_25._tcp.real.example";

class TlsaLookupTest : public testing::Test {
 protected:
  void Ask(bool authenticated, const std::string& canonical) {
    lookup_->LookupTlsa({"mx.example", authenticated, canonical}, 25,
                        [this](const TlsaRecords& records) { found_ = records; });
  }
  static Answer Records(bool is_signed, std::int64_t ttl_s = 60) {
    Answer answer = Nothing(AnswerKind::kFound, ttl_s);
    answer.records.emplace_back().text = "tlsa";
    answer.authenticated = is_signed;
    return answer;
  }
  void Reply(const std::string& name, const Answer& answer) {
    EXPECT_FALSE(found_.has_value());
    resolver_.Reply(name, RecordType::kTlsa, answer);
  }
  void Expect(Kind kind, const std::string& base = "") {
    ASSERT_TRUE(found_.has_value());
    EXPECT_EQ(found_->kind, kind);
    EXPECT_EQ(found_->base, base);
    EXPECT_EQ(found_->data.size(), kind == Kind::kFound ? 1u : 0u);
    EXPECT_EQ(resolver_.waiting(), 0u);
    found_.reset();
  }

  ScriptedResolver resolver_;
  std::unique_ptr<MxLookup> lookup_ = std::make_unique<MxLookup>(resolver_);
  std::optional<TlsaRecords> found_;
};

TEST_F(TlsaLookupTest, D02_AHostThatIsNoAliasHasItsOwn) {
  Ask(true, "");
  Reply(kOwn, Records(true));
  Expect(Kind::kFound, "mx.example");
  Ask(true, "");
  Reply(kOwn, Records(false));
  Expect(Kind::kNone);
  Ask(true, "");
  Reply(kOwn, Nothing(AnswerKind::kNoDomain));
  Expect(Kind::kNone);
}

TEST_F(TlsaLookupTest, D02_OfAnAliasThoseOfWhatItLeadsToComeFirst) {
  Ask(true, "real.example");
  Reply(kCanonical, Records(true));
  Expect(Kind::kFound, "real.example");
  Ask(true, "real.example");
  Reply(kCanonical, Nothing(AnswerKind::kNoData, 70));
  Reply(kOwn, Records(true, 80));
  EXPECT_EQ(found_->ttl, base::Duration::Seconds(70));
  Expect(Kind::kFound, "mx.example");
  Ask(true, "real.example");
  Reply(kCanonical, Records(false));
  Reply(kOwn, Records(true));
  Expect(Kind::kFound, "mx.example");
}

TEST_F(TlsaLookupTest, D02_AnErrorOnTheWayIsNoAbsence) {
  for (const AnswerKind kind : {AnswerKind::kServerFail, AnswerKind::kTimeout}) {
    Ask(true, "real.example");
    Reply(kCanonical, Nothing(kind));
    Expect(Kind::kError);
    Ask(true, "real.example");
    Reply(kCanonical, Nothing(AnswerKind::kNoDomain));
    Reply(kOwn, Nothing(kind));
    Expect(Kind::kError);
    Ask(false, "real.example");
    resolver_.Reply("mx.example", RecordType::kCname, Nothing(kind));
    Expect(Kind::kError);
  }
}

TEST_F(TlsaLookupTest, D02_AnAliasThatIsSignedHasItsOwnWhereItLeadsOutOfDnssec) {
  Answer alias = Nothing(AnswerKind::kFound);
  alias.records.emplace_back().name = "real.example";
  alias.authenticated = true;
  Ask(false, "real.example");
  resolver_.Reply("mx.example", RecordType::kCname, alias);
  Reply(kOwn, Records(true));
  Expect(Kind::kFound, "mx.example");
  alias.authenticated = false;
  Ask(false, "real.example");
  resolver_.Reply("mx.example", RecordType::kCname, alias);
  Expect(Kind::kNone);
}

TEST_F(TlsaLookupTest, NobodyIsCalledAfterTheEnd) {
  Ask(true, "real.example");
  lookup_.reset();
  resolver_.Reply(kCanonical, RecordType::kTlsa, Nothing(AnswerKind::kNoData));
  EXPECT_EQ(resolver_.waiting(), 0u);
  EXPECT_FALSE(found_.has_value());
}

}  // namespace
}  // namespace dns
