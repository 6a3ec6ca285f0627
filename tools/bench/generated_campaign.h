// A campaign for one benchmark, as files and configuration that the engine takes like any other's: rows, message, keys
// and limits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"
#include "engine/dkim/private_key.h"
#include "tools/bench/settings.h"

namespace bench {

struct GeneratedCampaign {
  campaign::Campaign campaign;
  config::Config config;  // Without the sink's ports.
  config::Shaping shaping;
  std::uint64_t recipients = 0;
  std::string fixed_header;  // The shared signature.
  std::string dkim_name;     // Where the public key is; "": messages are not signed…
  std::string key_file;      // …and the private key.
};

// Writes it into `folder`, which exists. `stops` is asked now and then. Errors: Cancelled; InvalidArgument, that many
// recipients are too many; the disk's.
absl::StatusOr<GeneratedCampaign> GenerateCampaign(const Settings& settings, const std::string& folder,
                                                   const std::function<bool()>& stops);

}  // namespace bench
