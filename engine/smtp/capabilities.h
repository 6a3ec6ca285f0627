// What a server offered in its reply to EHLO (RFC 5321 section 4.1.1.1).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/smtp/reply.h"

namespace smtp {

struct Capabilities {
  bool pipelining = false;        // RFC 2920
  bool chunking = false;          // RFC 3030
  bool eight_bit_mime = false;    // RFC 6152
  bool smtputf8 = false;          // RFC 6531
  bool enhanced_codes = false;    // RFC 2034
  bool starttls = false;          // RFC 3207
  bool size = false;              // RFC 1870
  std::uint64_t size_max = 0;     // Bytes; 0: no fixed limit.
  std::vector<std::string> auth;  // RFC 4954, upper case
  std::uint32_t mail_max = 0;     // Transactions in a session (RFC 9422, MAILMAX of LIMITS); 0: not said.

  // Unknown keywords are ignored; keywords are case-insensitive. Requires: a positive reply to EHLO.
  static Capabilities FromEhlo(const Reply& reply);
};

}  // namespace smtp
