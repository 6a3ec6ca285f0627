// Looks at a sender as receivers do, before a byte is sent: SPF, DKIM, DMARC, reverse DNS and the rest of what Gmail,
// Yahoo and Microsoft ask for. Pure over a dns::Lookup.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/lookup.h"
#include "engine/base/ip_address.h"
#include "engine/dkim/key_record.h"
#include "engine/preflight/finding.h"

namespace preflight {

struct Source {
  std::string name;
  std::optional<base::IpAddress> address;  // As receivers see it. None: not known.
  std::string ehlo;                        // A domain name, or an address literal.
  bool is_configured = true;               // In [sources.NAME]; else the kernel chooses.
};

struct Sender {
  std::string from_domain;      // In A-labels and lower case, as all names here.
  std::string envelope_domain;  // Of MAIL FROM; empty: it differs from row to row.
  std::string envelope_local_part;
  std::string reply_domain;  // Of Reply-To, else of From; empty: it differs from row to row.
  bool has_verp = false;     // The envelope sender tells whose a bounce is.
  std::vector<Source> sources;
  std::vector<dkim::PublishedKey> keys;  // That sign.
  std::string smarthost;                 // The server that sends on; empty: there is none.
  bool is_rehearsal = false;             // The mail goes to a sandbox.
  bool allows_private = false;           // Mail may go to private addresses: the network is one's own.
  bool is_marketing = false;
  bool has_one_click = false;
  std::optional<bool> shows_unsubscribe;  // The body has a link for that. None: nobody has looked.
  bool has_authorities = false;           // Certificates can be verified.
  bool uses_tls = true;                   // To Gmail: the shaping does not disable it.
  bool verifies_tls = false;              // To Gmail: nothing is sent where the certificate does not hold.
};

Report CheckSender(dns::Lookup& lookup, const Sender& sender);

// What an answer says of a key.
struct KeyVerdict {
  Verdict verdict = Verdict::kPass;  // kWarn: there is no answer; or it is good, but odd.
  bool is_known = true;              // The DNS gave an answer.
  std::string what;
};
KeyVerdict CheckKeyAnswer(const dns::Answer& answer, const dkim::PublishedKey& key);

}  // namespace preflight
