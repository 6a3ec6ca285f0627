// Module: tls
// MTA-STS records, policy files and cache files: any bytes; what is taken from them keeps the promises of the headers.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "tls/mta_sts.h"
#include "tls/sts_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> records;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    records.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (const auto id = tls::StsIdOf(records)) CHECK(!id->empty() && id->size() <= 32);

  const base::WallTime now = base::WallTime::FromSeconds(1'800'000'000);
  if (const auto policy = tls::ParseStsPolicy(text, "id1"); policy.ok()) {
    CHECK(policy->max_age >= base::Duration() && policy->max_age <= tls::StsPolicy::kAgeMax);
    CHECK(policy->mx.size() <= tls::StsPolicy::kMxMax);
    CHECK(!policy->mx.empty() || policy->mode == tls::StsPolicy::Mode::kNone);
    CHECK(tls::ReadStsPolicy(tls::FormatStsPolicy(*policy)) == *policy);
    for (const std::string& mx : policy->mx) {
      if (!mx.starts_with("*.")) CHECK(policy->Names(mx));
    }
    static_cast<void>(policy->Names(text.substr(0, 64)));
  }
  tls::StsCache cache(10'000);
  cache.Read(text, now);
  const std::string written = cache.Write(now);
  tls::StsCache again(10'000);
  again.Read(written, now);
  CHECK(again.size() == cache.size() && again.Write(now) == written);
  return 0;
}
