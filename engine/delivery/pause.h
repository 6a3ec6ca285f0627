// Why a campaign, or a part of it, stops until `sluice resume`.
#pragma once

#include <string>
#include <string_view>

namespace delivery {

// What stops: the campaign, the mail to one provider, or that from one source.
struct PauseScope {
  std::string provider;  // Empty: the campaign.
  std::string source;    // Empty: every source.

  bool IsCampaign() const { return provider.empty(); }
  bool Holds(std::string_view of_provider, std::string_view of_source) const {
    return provider == of_provider && (source.empty() || source == of_source);
  }
  // "campaign", "provider:google", "source:ip-1 provider:google"; as the ledger and reports have it.
  std::string ToString() const;
  static PauseScope Parse(std::string_view text);  // Of what ToString made.

  friend bool operator==(const PauseScope&, const PauseScope&) = default;
};

inline constexpr std::string_view kOtherProvider = "other";  // All domains without a provider, for budgets.

struct PauseReason {
  std::string
      by;  // "resolver-suspect", "sender", "dkim", "smarthost"; a budget: "auth", "blocked", "content", "bounce"
  std::string reason;  // One line for people.
  std::string sample;  // The reply that tipped it; empty: none.
  PauseScope scope = {};
};

}  // namespace delivery
