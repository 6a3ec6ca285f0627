#include "tools/sandbox_at.h"

#include "nlohmann/json.hpp"

namespace tools {

absl::Status UseSandboxAt(const std::string& ready_file, io::Disk& disk, config::Config& config) {
  absl::StatusOr<std::string> text = io::ReadFile(disk, ready_file, 1u << 16);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  const nlohmann::json ready = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!ready.is_object() || !ready.contains("dns") || !ready.contains("smtp_port")) {
    return absl::InvalidArgumentError(ready_file + ": not what `sluice sandbox --ready-file` writes");
  }
  config.dns.servers = {ready["dns"].get<std::string>()};
  config.dns.max_queries_per_second = 20'000;  // It is our own.
  config.smtp.port = ready["smtp_port"].get<std::uint16_t>();
  if (ready.contains("ca_file")) config.tls.ca_file = ready["ca_file"].get<std::string>();
  config.smarthost.reset();
  config.allow_private_destinations = true;
  if (!config.smtp.ehlo_domain.has_value()) config.smtp.ehlo_domain = std::string(kRehearsalEhlo);
  return absl::OkStatus();
}

}  // namespace tools
