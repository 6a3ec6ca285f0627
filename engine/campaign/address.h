// Recipient addresses as people write them in lists: what is one, how it goes on the wire, and when two are the same.
#pragma once

#include <string>
#include <string_view>

namespace campaign {

// RFC 5321 section 4.1.2 Mailbox, with UTF-8 local parts (RFC 6531) and internationalised domains (IDNA 2008).
struct Address {
  std::string wire;             // Local part as typed, '@', domain as A-labels in lower case.
  std::string domain;           // A-labels, lower case.
  std::string folded;           // The same for addresses that are the same: local part in ASCII lower case.
  bool needs_smtputf8 = false;  // The local part is not ASCII.
};

// Reads one address; space around it does not count. False: `reason` says what is wrong with it, in a few words. Both
// are reused: no allocation in steady state for plain ASCII.
[[nodiscard]] bool ParseAddress(std::string_view text, Address& address, std::string_view& reason);

// A domain name as A-labels in lower case; empty: not one. IDNA 2008, non-transitional.
std::string ToALabels(std::string_view domain);

}  // namespace campaign
