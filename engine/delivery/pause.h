// Why a campaign, or a part of it, stops until `sluice resume`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace delivery {

// What stops: the campaign, the mail to one provider, that from one source, or that from the source to the provider.
struct PauseScope {
  std::string provider;  // Empty: every provider.
  std::string source;    // Empty: every source.

  bool IsCampaign() const { return provider.empty() && source.empty(); }
  bool Holds(std::string_view of_provider, std::string_view of_source) const {
    return (provider.empty() || provider == of_provider) && (source.empty() || source == of_source);
  }
  // "campaign", "provider:google", "source:ip-1", "source:ip-1 provider:google"; as the ledger and reports have it.
  std::string ToString() const;
  static PauseScope Parse(std::string_view text);  // Of what ToString made.

  friend bool operator==(const PauseScope&, const PauseScope&) = default;
};

inline constexpr std::string_view kOtherProvider = "other";  // All domains without a provider, for budgets.

struct PauseReason {
  // "operator", "resolver-suspect", "sender", "dkim", "message", "smarthost"; a budget: "auth", "blocked", "content",
  // "bounce"
  std::string by;
  std::string reason;  // One line for people.
  std::string sample;  // The reply that tipped it; empty: none.
  PauseScope scope = {};
  base::WallTime since = {};  // When it was written down.
  bool cancels = false;       // Nobody resumes it: what is pending becomes cancelled.
};

// Mail that waits for something else than its recipients' own retries, as people are shown it.
struct HeldQueue {
  std::string queue;     // The site, or a domain whose exchangers are not known.
  std::string provider;  // Empty: none.
  std::string source;
  std::string reason;
  std::string sample;                        // A reply that shows it; empty: none.
  std::optional<base::WallTime> since = {};  // None: it was not written down.
  std::optional<base::WallTime> until = {};  // When it is tried again; none: after `sluice resume`.
};

// Mail that a limit keeps from going faster, or holds.
struct LimitedQueue {
  std::string queue, provider, source;  // As HeldQueue.
  std::string limit;                    // "max_message_rate", "connection_limit", "suspended", …
  std::string sample;                   // A reply that is the reason; empty: none.
  base::WallTime since = {};
  std::optional<base::WallTime> until = {};  // When it lets the next one pass, or ends; none: it cannot be known.
};

// The sites of a provider that the same limit holds.
struct LimitedSites {
  std::uint64_t sites = 0;
  base::WallTime since = {};                 // The first of them.
  std::optional<base::WallTime> until = {};  // The last of them that knows it.
  std::string sample;                        // Of one of them; empty: none.

  void Add(const LimitedSites& other);
};

}  // namespace delivery
