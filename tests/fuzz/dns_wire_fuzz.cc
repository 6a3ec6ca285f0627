// Module: dns
// Any bytes as an answer and as a query: what is said of them keeps the promises of the headers.
#include <cstdint>
#include <string_view>

#include "dns/mx_lookup.h"
#include "dns/name.h"
#include "dns/site_name.h"
#include "dns/wire.h"
#include "engine/base/check.h"

namespace {

bool IsVisible(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

void CheckAnswer(std::string_view message, std::string_view name, dns::RecordType type) {
  const dns::Answer answer = dns::ParseAnswer(message, name, type);
  CHECK((answer.kind == dns::AnswerKind::kFound) == !answer.records.empty());
  CHECK(answer.kind != dns::AnswerKind::kTimeout);
  CHECK(answer.ttl >= base::Duration());
  if (answer.kind != dns::AnswerKind::kFound) CHECK(answer.ttl <= dns::kNegativeTtlMax);
  for (const dns::Record& record : answer.records) CHECK(IsVisible(record.name));
  if (type != dns::RecordType::kMx) return;
  const auto route = dns::RouteFromMx(answer);
  if (!route.has_value()) return;
  CHECK((route->kind == dns::RouteKind::kHosts) == !route->hosts.empty());
  CHECK(route->hosts.size() <= dns::MxLookup::kHostsMax);
  for (const dns::MxHost& host : route->hosts) CHECK(dns::IsHostName(host.name));
  if (!route->hosts.empty()) CHECK(!dns::SiteName(route->hosts).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  // The question of the message itself, so that its records count.
  std::size_t offset = 12;
  std::string asked = "example.com";
  if (size > offset) {
    if (const auto name = dns::ReadName(message, offset)) {
      CHECK(dns::NormalizeName(*name) == *name);
      std::string again;
      std::size_t begin = 0;
      CHECK(dns::AppendName(*name, again) && dns::ReadName(again, begin) == *name);
      asked = *name;
    }
  }
  for (const dns::RecordType type :
       {dns::RecordType::kA, dns::RecordType::kCname, dns::RecordType::kPtr, dns::RecordType::kMx,
        dns::RecordType::kTxt, dns::RecordType::kAaaa, dns::RecordType::kTlsa}) {
    CheckAnswer(message, asked, type);
  }
  if (const auto query = dns::ParseQuery(message)) {
    CHECK(query->udp_size >= 512);
    dns::ResponseBuilder builder(*query, dns::ResponseCode::kNoError);
    dns::Record record;
    record.name = "mx.example";
    CHECK(builder.AddAnswer(dns::RecordType::kMx, 60, record));
    const std::string response = builder.Build(65'535);
    CHECK(!dns::ParseQuery(response).has_value() && !dns::IsTruncated(response));
    if (query->type == static_cast<std::uint16_t>(dns::RecordType::kMx)) {
      CHECK(dns::ParseAnswer(response, query->name, dns::RecordType::kMx).kind == dns::AnswerKind::kFound);
    }
  }
  return 0;
}
