// The grammar of SMTP command arguments (RFC 5321 §4.1.2, RFC 6531 §3.3), strictly. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sandbox {

struct PathArgument {
  std::string_view mailbox;     // Between the angle brackets; "" for <>.
  std::string_view parameters;  // Behind it, without the space; "" when there are none.
};

// The argument of MAIL or RCPT: `keyword` ("FROM:", "TO:") in any case, a path, then parameters behind one space.
// Nullopt: malformed. The mailbox itself is not checked.
std::optional<PathArgument> ParsePathArgument(std::string_view argument, std::string_view keyword);

// local-part "@" domain or address literal, with the lengths of RFC 5321 §4.5.3.1. Source routes are not.
bool IsMailbox(std::string_view text, bool allow_utf8);
// The argument of EHLO or HELO: a domain name or an address literal.
bool IsHelloName(std::string_view text);

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};
// Takes the first parameter off `rest`, which must not be empty. Nullopt: malformed.
std::optional<Parameter> TakeParameter(std::string_view& rest);

struct ChunkArgument {
  std::uint64_t size = 0;
  bool last = false;
};
std::optional<ChunkArgument> ParseChunkArgument(std::string_view argument);  // RFC 3030 §2

}  // namespace sandbox
