// Module: dns
// Any bytes as DMARC records on the way up from a name made of the same bytes: the walk ends, and says where it was.
#include <cstdint>
#include <string>
#include <string_view>

#include "dns/dmarc.h"
#include "engine/base/check.h"

namespace {

class FuzzedLookup final : public dns::Lookup {
 public:
  explicit FuzzedLookup(std::string_view data) : data_(data) {}

  dns::Answer Ask(std::string_view, dns::RecordType) override {
    dns::Answer answer;
    const std::size_t end = data_.find('\n');
    dns::Record record;
    record.text = std::string(data_.substr(0, end));
    data_ = end == std::string_view::npos ? std::string_view() : data_.substr(end + 1);
    answer.kind = record.text.empty() ? dns::AnswerKind::kNoDomain : dns::AnswerKind::kFound;
    if (!record.text.empty()) answer.records.assign(record.text.size() % 17 == 0 ? 2 : 1, record);
    ++asked_;
    return answer;
  }
  std::size_t asked() const { return asked_; }

 private:
  std::string_view data_;
  std::size_t asked_ = 0;
};

bool IsAtOrUnder(std::string_view name, std::string_view domain) {
  return name == domain || (name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto record = dns::ParseDmarc(text)) {
    for (const std::string& what : record->oddities) {
      for (const char c : what) CHECK(c >= ' ' && c <= '~');
    }
  }
  std::string domain = "com";
  for (std::size_t labels = size == 0 ? 0 : data[0] % 20; labels > 0; --labels) domain = "a." + domain;
  FuzzedLookup lookup(text);
  const dns::DmarcWalk walk = dns::WalkDmarc(lookup, domain);
  CHECK(lookup.asked() <= dns::kDmarcQueriesMax);
  CHECK(IsAtOrUnder(domain, walk.organization));
  for (const dns::DmarcWalk::Step& step : walk.records) CHECK(IsAtOrUnder(domain, step.domain));
  if (walk.records.empty()) CHECK(dns::PolicyFor(walk, domain) == nullptr && walk.organization == domain);
  return 0;
}
