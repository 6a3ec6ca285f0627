// The limits that hold for one (source, site), as the shaping files say.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "engine/config/address_set.h"

namespace config {

// Which addresses of a mail exchanger are looked up, and in which order they are tried.
enum class IpLookupStrategy : std::uint8_t { kIpv4AndIpv6, kIpv4Only, kIpv6Only, kIpv6ThenIpv4, kIpv4ThenIpv6 };

// enable_tls.
enum class TlsMode : std::uint8_t {
  kDisabled,
  kOpportunisticInsecure,  // Where it is offered; any certificate.
  kOpportunistic,          // Where it is offered; then the certificate must hold.
  kRequiredInsecure,       // Never in clear; any certificate.
  kRequired,               // Never in clear, and the certificate must hold.
};

// What becomes of mail beyond the day's number of a warm-up.
enum class Overflow : std::uint8_t {
  kWait,  // It waits for the next day.
  kWarm,  // It goes by another source that may send it.
};

// The merged settings. The defaults are KumoMTA's (make_egress_path), but the time-outs are not below those of RFC 5321
// section 4.5.3.2, where KumoMTA's are.
struct Limits {
  std::uint32_t connection_limit = 32;            // KumoMTA. At least 1.
  std::optional<base::Rate> max_connection_rate;  // None: no limit, as KumoMTA.
  std::optional<base::Rate> max_message_rate;     // None: no limit, as KumoMTA.
  // Of a source at all sites of a provider together. None: no limit.
  std::optional<std::uint32_t> provider_connection_limit;
  std::optional<base::Rate> provider_max_message_rate;
  // Ours: of a site, and of a provider, over all sources together. None: no limit.
  std::optional<std::uint32_t> total_connection_limit, provider_total_connection_limit;
  std::optional<base::Rate> total_message_rate, provider_total_message_rate;
  // Ours: the most messages of a source to a provider (to a site that has none) on its first, second, … day of warming;
  // afterwards no limit. Empty: none.
  std::vector<std::uint32_t> warmup;
  Overflow overflow = Overflow::kWait;
  bool adaptive = true;  // Ours: learns how many connections and messages the receiver takes, below these limits.
  std::uint32_t max_deliveries_per_connection = 1024;                 // KumoMTA. At least 1.
  std::uint32_t consecutive_connection_failures_before_delay = 100;   // KumoMTA. At least 1.
  base::Duration connect_timeout = base::Duration::Seconds(60);       // KumoMTA: until the TCP connection stands.
  base::Duration banner_timeout = base::Duration::Minutes(5);         // RFC 5321 section 4.5.3.2.1
  base::Duration ehlo_timeout = base::Duration::Minutes(5);           // KumoMTA; the RFC names none.
  base::Duration auth_timeout = base::Duration::Seconds(60);          // KumoMTA: for each reply of a login.
  base::Duration starttls_timeout = base::Duration::Minutes(1);       // For the reply; the RFC names none.
  base::Duration tls_handshake_timeout = base::Duration::Minutes(1);  // The RFC names none.
  base::Duration mail_from_timeout = base::Duration::Minutes(5);      // Section 4.5.3.2.2
  base::Duration rcpt_to_timeout = base::Duration::Minutes(5);        // Section 4.5.3.2.3
  base::Duration data_timeout =
      base::Duration::Minutes(5);  // KumoMTA; section 4.5.3.2.4 (reply) has 2, 4.5.3.2.5 (block) 3.
  base::Duration data_block_timeout = base::Duration::Minutes(3);  // Ours; section 4.5.3.2.5
  base::Duration data_dot_timeout = base::Duration::Minutes(10);   // Section 4.5.3.2.6
  base::Duration rset_timeout = base::Duration::Seconds(5);  // KumoMTA: also how long the reply to QUIT is awaited.
  base::Duration idle_timeout =
      base::Duration::Seconds(60);  // As KumoMTA's shaping file: a session without work is kept so long.
  base::Duration idle_probe =
      base::Duration::Seconds(1);   // Ours: after so long without a message, MAIL goes alone and is answered first.
  std::uint32_t max_in_flight = 1;  // Ours: messages at once on a connection, for relays of one's own. At least 1.
  bool enable_pipelining = true;
  TlsMode enable_tls = TlsMode::kOpportunisticInsecure;
  // MTA-STS policies of recipient domains hold (KumoMTA's default), whatever enable_tls says.
  bool enable_mta_sts = true;
  // TLSA records of mail exchangers hold, where the DNS servers are trusted ([dns] trust_ad); KumoMTA's is false.
  bool enable_dane = true;
  // How long an address is sent to in clear, after TLS failed there; only with kOpportunisticInsecure. As KumoMTA's
  // reference suggests.
  base::Duration remember_broken_tls = base::Duration::Hours(3 * 24);
  AddressSet skip_hosts;  // Addresses that are left out.
  AddressSet
      prohibited_hosts;  // Never connected to. Whether private addresses are is security.allow_private_destinations.
  IpLookupStrategy ip_lookup_strategy = IpLookupStrategy::kIpv4AndIpv6;
  // KumoMTA: so many addresses of a mail exchanger, and of all of a site's together, are connected to; the others,
  // which are the least preferred, never. Less than 2 is 2 (RFC 5321 section 5.1).
  std::uint32_t max_mx_addresses_per_host = 10, max_mx_plan_size = 50;

  friend bool operator==(const Limits&, const Limits&) = default;
};

}  // namespace config
