// Module: config
// Any text as sluice.toml: it is a configuration within its limits, or there are problems, each a line with its place.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<config::Config> config = config::ParseConfig(text, "f.toml");
  if (!config.ok()) {
    CHECK(std::string(config.status().message()).rfind("f.toml:", 0) == 0);
    return 0;
  }
  CHECK(!config->retry_intervals.empty());
  for (const base::Duration interval : config->retry_intervals) CHECK(interval >= base::Duration::Seconds(1));
  CHECK(config->engine.shards <= 1024 && config->smtp.port > 0 && config->dns.max_queries_per_second > 0);
  for (const config::SourceConfig& source : config->sources) CHECK(source.source_address.has_value());
  for (const auto& [name, pool] : config->pools) {
    const auto members = config::PoolMembers(*config, name);
    CHECK(members.ok() && !members->empty() && members->size() == pool.size());
  }
  return 0;
}
