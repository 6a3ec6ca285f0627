// Decides what pauses a whole campaign (verdicts: resolver suspect, sender refused, authentication failed, smarthost
// unusable). One per
// campaign, on one shard; the others send it their facts. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "engine/base/string_map.h"

namespace delivery {

// Why a campaign stops until `sluice resume`.
struct PauseReason {
  std::string by;      // "resolver-suspect", "sender", "auth", "dkim", "smarthost"
  std::string reason;  // One line for people.
  std::string sample;  // The reply that tipped it; empty: none.
};

class Coordinator {
 public:
  // A domain was looked up for the first time: it does not exist or has no way to receive mail (`missing`), or it can.
  // More than 5 % of the first 1,000 missing: the resolver is suspect.
  std::optional<PauseReason> OnDomain(bool missing);
  // MAIL was refused for good at a site. At once for an invalid sender; else the same text at three sites.
  std::optional<PauseReason> OnSenderRefused(std::string_view site, std::string_view normalized_text,
                                             bool invalid_sender, std::string_view sample);
  // A reply said that authentication (SPF, DKIM, DMARC) failed. The fifth pauses.
  std::optional<PauseReason> OnAuthenticationFailed(std::string_view sample);
  // A message could not be signed. No other can be, and none may go without.
  std::optional<PauseReason> OnSigningFailed(std::string_view why);
  // The one server that takes the mail does not let us in: at once.
  static PauseReason OnSmarthostUnusable(std::string_view reason, std::string_view sample) {
    return {"smarthost", std::string(reason), std::string(sample)};
  }

 private:
  static constexpr std::uint32_t kFirstDomains = 1'000;
  static constexpr std::uint32_t kMissingAtMost = kFirstDomains * 5 / 100;
  static constexpr std::size_t kSitesToPause = 3;
  static constexpr std::size_t kTextsMax = 256;  // Remembered texts; beyond, the campaign meets suspensions only.
  static constexpr std::uint32_t kAuthenticationFailures = 5;

  std::uint32_t domains_ = 0, missing_ = 0, authentication_failures_ = 0;
  base::StringMap<std::set<std::string>> sites_by_text_;
};

}  // namespace delivery
