// The steps of an SMTP session, as far as a failure or a reply may belong to one.
#pragma once

#include <cstdint>
#include <string_view>

namespace smtp {

enum class Command : std::uint8_t {
  kConnect,
  kGreeting,
  kEhlo,
  kHelo,
  kAuth,
  kStartTls,
  kTls,  // The handshake.
  kRset,
  kMail,
  kRcpt,
  kData,
  kDot,
  kBdat,
  kQuit,
};
std::string_view ToString(Command command);  // As events name it: "connect", "EHLO", "MAIL", ".", …

}  // namespace smtp
