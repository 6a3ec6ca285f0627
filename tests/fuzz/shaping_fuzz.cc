// Module: config
// Any text as a shaping file: it gives limits within their ranges, or there are problems, each a line with its place.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/config/automation.h"
#include "engine/config/shaping.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> warnings;
  const std::size_t half = text.size() / 2;
  // As one file, and cut into two that are merged.
  for (const std::vector<config::Shaping::File>& files :
       {std::vector<config::Shaping::File>{{"a.toml", text}},
        std::vector<config::Shaping::File>{{"a.toml", text.substr(0, half)}, {"b.toml", text.substr(half)}}}) {
    absl::StatusOr<config::Shaping> shaping = config::Shaping::Parse(files, warnings);
    if (!shaping.ok()) {
      const std::string message(shaping.status().message());
      CHECK(message.rfind("a.toml:", 0) == 0 || message.rfind("b.toml:", 0) == 0);
      continue;
    }
    const std::vector<config::MailHost> hosts = {"mx1.example.com", "mx2.example.com"};
    for (const std::string& domain : shaping->RollupDomains()) shaping->SetRollupHosts(domain, hosts);
    const config::Limits limits = shaping->For("example.com", hosts, "s");
    CHECK(limits.connection_limit >= 1 && limits.max_deliveries_per_connection >= 1);
    CHECK(limits.idle_timeout > base::Duration() && limits.data_dot_timeout <= base::Duration::Hours(24));
    CHECK(!limits.max_message_rate.has_value() || limits.max_message_rate->period > base::Duration());
    shaping->ProviderFor("example.com", hosts);
    std::vector<config::Shaping::Change> overrides;
    for (const auto& rule : shaping->AutomationFor("example.com", hosts)) {
      CHECK(!rule->patterns.empty() && rule->duration >= base::Duration::Seconds(1));
      rule->Fits("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred");
      for (const config::AutomationAction& action : rule->actions) {
        if (action.change.apply != nullptr) overrides.push_back(action.change);
      }
    }
    CHECK(shaping->For("example.com", hosts, "s", overrides).connection_limit >= 1);
  }
  const absl::StatusOr<base::Rate> rate = base::ParseRate(text);
  if (rate.ok()) CHECK(*base::ParseRate(base::ToString(*rate)) == *rate);
  return 0;
}
