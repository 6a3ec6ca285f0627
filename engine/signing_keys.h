// Reads the configured DKIM keys, checks them, and says which of them sign a campaign.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/dkim/signing_key.h"

namespace engine {

// Reads every key of the configuration. Errors (InvalidArgument): one line for each that is not good. A file that
// others may read, and a weak key, are warnings.
absl::Status CheckSigningKeys(const config::Config& config, base::Log& log);

// The domain of the campaign's From address.
std::string_view FromDomain(const campaign::Campaign& campaign);

// The keys that sign the campaign. Errors (InvalidArgument): a key is not good; or `required`, and its From domain has
// no key of its own.
absl::StatusOr<std::vector<dkim::SigningKey>> SigningKeysFor(const config::Config& config,
                                                             const campaign::Campaign& campaign, bool required);

// One line for each key, for the manifest: "s1._domainkey.example.com rsa-sha256 FINGERPRINT".
std::vector<std::string> DescribeKeys(const std::vector<dkim::SigningKey>& keys);
// Keys may change while a campaign runs, so that they can be replaced at any time; who does it is told what that needs.
// `before`: as in the manifest.
void WarnOfOtherKeys(std::string_view campaign, const std::vector<std::string>& before,
                     const std::vector<dkim::SigningKey>& keys, base::Log& log);

// Keys may change while a campaign runs, so that they can be replaced at any time; who does it is told what that needs.
// `before`: of the manifest.
void WarnOfOtherKeys(std::string_view campaign, const std::vector<std::string>& before,
                     const std::vector<dkim::SigningKey>& keys, base::Log& log);

}  // namespace engine
