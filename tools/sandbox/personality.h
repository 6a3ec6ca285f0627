// What the fake internet is like: which providers there are, whose domains they serve, and how their mail exchangers
// behave. Read from a TOML file (FORMAT.md), or built in. Every choice is made by a stable hash, so that two runs
// behave alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/ip_address.h"
#include "engine/base/string_map.h"
#include "engine/base/time.h"
#include "tools/sandbox/connection.h"
#include "tools/sandbox/smtp_server.h"
#include "tools/sandbox/tls_server.h"
#include "tools/sandbox/units.h"

namespace sandbox {

// Answers with `reply` where the dialogue reaches `phase`.
struct ReplyBehaviour {
  Phase phase = Phase::kRcpt;
  std::string reply;
  Share share = Share::All();
  std::uint32_t attempts = 0;  // Only in the first so many attempts of a recipient; 0: in all. For kRcpt and kContent.
  base::Duration every = {};   // Only in the first `lasts` of each such span since the start; zero: always.
  base::Duration lasts = {};
};

// Waits before its reply where the dialogue reaches `phase`, whatever the reply is.
struct TarpitBehaviour {
  Phase phase = Phase::kGreeting;
  base::Duration delay;
  Share share = Share::All();
};

enum class HangUpPoint : std::uint8_t {
  kGreeting,
  kEhlo,
  kMail,
  kRcpt,
  kData,
  kStartTls,
  kContentKept,  // The message is accepted, but the connection ends without the reply.
  kContentLost,  // The message is dropped, and the connection ends without a reply.
};
inline constexpr int kHangUpPoints = 8;

struct HangUpBehaviour {
  HangUpPoint point = HangUpPoint::kGreeting;
  Share share;
};

struct Provider {
  std::string name;
  std::vector<std::string> domains;
  std::uint32_t weight = 0;                        // Its part of the domains that no provider names.
  std::vector<std::string> mx = {"mx1.{domain}"};  // By preference; "{domain}" stands for the recipient domain.
  std::uint32_t unreachable = 0;                   // So many of the first MX hosts refuse connections.
  std::uint32_t addresses = 1;                     // Its hosts share so many.
  ServerOptions server;                            // Extensions, largest message.
  TlsProfile tls;
  TlsFault tls_fault = TlsFault::kNone;
  Share tls_fault_share;  // Of connections.
  base::Duration reply_delay;
  std::uint32_t messages_per_connection = 0;  // Then 421; 0: any number.
  std::uint32_t connections_per_source = 0;   // Then 421; 0: any number.
  Rate rate_per_source;                       // Of messages; then `rate_reply` to MAIL. Count 0: any number.
  std::string rate_reply = "450 4.7.1 Too many messages from your address, slow down";
  Share unknown_users;
  std::string unknown_user_reply = "550 5.1.1 The email account that you tried to reach does not exist";
  base::Duration greylist;  // Zero: no greylisting.
  std::string greylist_reply = "451 4.7.1 Greylisted, please try again later";
  std::vector<ReplyBehaviour> replies;
  std::vector<HangUpBehaviour> hang_ups;
  std::vector<TarpitBehaviour> tarpits;
};

enum class DomainFault : std::uint8_t {
  kNone,
  kNoDomain,    // NXDOMAIN
  kNullMx,      // RFC 7505
  kNoMx,        // Mail goes to the domain's own address.
  kServerFail,  // SERVFAIL
  kNoAnswer,    // The DNS server stays silent.
};
inline constexpr int kDomainFaults = 6;
std::string_view DomainFaultKey(DomainFault fault);  // Its key in the file; "" for kNone.

struct DnsBehaviour {
  struct FaultShare {
    DomainFault fault = DomainFault::kNone;
    Share share;
  };
  base::Duration ttl = base::Duration::Minutes(5);
  base::StringMap<DomainFault> faults;  // By domain.
  std::vector<FaultShare> shares;       // Of the domains that no provider and no list names.
  base::Duration
      recover_after;  // So long after its first question, a domain with a failing server is well. Zero: never.
  base::StringMap<std::string> txt;               // By name: TXT records beside those every name has.
  base::StringMap<std::vector<std::string>> ptr;  // By address: its names, at least one.
};

struct Personality {
  std::string name;
  std::uint64_t seed = 1;
  DnsBehaviour dns;
  std::vector<Provider> providers;  // At least one, and one of them has a weight.
};

inline constexpr std::uint32_t kAddressesMax = 64;  // Of all providers together.

// "realistic": a few large providers and many small ones, with deferrals, refusals, hang-ups and delay. "faultfree" or
// "none": takes everything at once. Nullopt: not built in.
std::optional<Personality> BuiltInPersonality(std::string_view name);
// `origin` is the file's name for messages. Errors: "FILE:LINE: what is wrong; what would be right".
absl::StatusOr<Personality> ParsePersonality(std::string_view toml, std::string_view origin);

}  // namespace sandbox
