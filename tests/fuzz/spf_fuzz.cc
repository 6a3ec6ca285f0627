// Module: dns
// Any bytes as SPF records of two domains that may include each other: evaluation ends within its limits.
#include <cstdint>
#include <string>
#include <string_view>

#include "dns/name.h"
#include "dns/spf.h"
#include "dns/spf_macro.h"
#include "dns/spf_merge.h"
#include "dns/spf_record.h"
#include "engine/base/check.h"

namespace {

// Each name has the one or the other text, addresses, mail exchangers and names of its own.
class FuzzedLookup final : public dns::Lookup {
 public:
  explicit FuzzedLookup(std::string_view data) : data_(data) {}

  dns::Answer Ask(std::string_view name, dns::RecordType type) override {
    ++asked_;
    dns::Answer answer;
    const std::uint8_t turn = data_.empty() ? 0 : static_cast<std::uint8_t>(data_[asked_ % data_.size()]);
    answer.kind = turn % 7 == 0    ? dns::AnswerKind::kNoData
                  : turn % 11 == 0 ? dns::AnswerKind::kTimeout
                                   : dns::AnswerKind::kFound;
    if (answer.kind != dns::AnswerKind::kFound) return answer;
    dns::Record record;
    record.address =
        type == dns::RecordType::kAaaa ? *base::IpAddress::Parse("2001:db8::1") : base::IpAddress::V4(turn);
    record.name = type == dns::RecordType::kPtr ? "n.example.com" : std::string(name);
    const std::size_t half = data_.size() / 2;
    record.text = std::string(name.size() % 2 == 0 ? data_.substr(0, half) : data_.substr(half));
    answer.records.assign(1 + turn % 13, record);
    return answer;
  }
  std::size_t asked() const { return asked_; }

 private:
  const std::string_view data_;
  std::size_t asked_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (dns::IsSpf(text)) {
    const absl::StatusOr<dns::SpfRecord> record = dns::ParseSpf(text);
    if (record.ok()) {
      for (const dns::SpfMechanism& mechanism : record->mechanisms) {
        CHECK(mechanism.bits4 <= 32 && mechanism.bits6 <= 128);
        CHECK(mechanism.domain_spec.empty() || dns::IsSpfDomainSpec(mechanism.domain_spec));
      }
    }
  }
  const std::size_t middle = size / 2;
  if (const auto merged = dns::MergeSpf({std::string(text.substr(0, middle)), std::string(text.substr(middle))}))
    CHECK(dns::IsSpf(*merged) && dns::ParseSpf(*merged).ok());
  const auto value = [](char) { return std::string("a.b-c+d@example.com"); };
  if (dns::IsSpfMacroString(text)) {
    const std::string name = dns::NameFromBytes(dns::ShortenToName(dns::ExpandSpfMacros(text, value)));
    for (const char c : name) CHECK(c > ' ' && c <= '~');
  }
  for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
    FuzzedLookup lookup(text);
    const dns::SpfOutcome outcome =
        dns::CheckSpf(lookup, {*base::IpAddress::Parse(address), "example.com", "news", "mta.example.com"});
    CHECK(outcome.lookups <= dns::kSpfLookupsMax && outcome.voids <= dns::kSpfVoidsMax);
    // Each term asks for a record and ten addresses at most; once there are the names of the address and theirs.
    CHECK(lookup.asked() <= 1 + std::size_t{dns::kSpfLookupsMax} * 12 + 11);
    for (const char c : outcome.detail) CHECK(c >= ' ' && c <= '~');
  }
  return 0;
}
