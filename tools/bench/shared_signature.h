// A DKIM signature for every message of a campaign whose body and subject are the same for all: it covers From,
// Subject, MIME-Version, Content-Type and the body, and so is valid on each of them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/dkim/private_key.h"

namespace bench {

// The header field with its CRLF. Requires: message and From have no fields of the row. Errors: the message cannot be
// rendered, the key cannot sign.
absl::StatusOr<std::string> SharedSignature(const campaign::Campaign& campaign, const std::string& domain,
                                            const std::string& selector, dkim::PrivateKey& key, base::WallTime now);

}  // namespace bench
