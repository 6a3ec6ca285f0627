// DNS messages (RFC 1035, EDNS of RFC 6891): answers parsed for the resolver; queries and answers built and read for
// the sandbox's name server and for tests. Pure: bytes in, values out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/resolver.h"
#include "engine/base/time.h"

namespace dns {

// What a response says about (`name`, `type`): follows CNAMEs within the message (at most 16, RFC 5321 section 5.1 asks
// for a bound), takes the smallest TTL on the way, and for a negative answer that of the SOA (RFC 2308 section 5), at
// most kNegativeTtlMax. `authenticated` is the AD bit as it came: the caller knows whether it may believe it. Anything
// else than a complete response to this question is kServerFail with the reason in `detail`.
Answer ParseAnswer(std::string_view message, std::string_view name, RecordType type);

inline constexpr base::Duration kNegativeTtlMax =
    base::Duration::Hours(3);  // RFC 2308 section 5: one to three hours work well.

// The message says that it is truncated (TC): ask again over TCP.
bool IsTruncated(std::string_view message);

// A query, as a server reads it: one question, class IN.
struct Query {
  std::uint16_t id = 0;
  std::string name;        // As dns/name.h.
  std::uint16_t type = 0;  // Any, not only those of RecordType.
  bool recursion_desired = false;
  bool wants_authenticated = false;  // The AD bit: the client understands it in the response (RFC 6840 section 5.7).
  bool edns = false;                 // The query has an OPT record (RFC 6891); then the response has one too.
  std::uint16_t udp_size = 512;      // The largest response that the client takes over UDP; at least 512.
};
// Nullopt: nothing that deserves an answer: not a standard query (a response, another opcode or class), not exactly one
// question, or malformed.
std::optional<Query> ParseQuery(std::string_view message);

enum class ResponseCode : std::uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFail = 2,
  kNoDomain = 3,     // NXDOMAIN
  kUnsupported = 4,  // NOTIMP
  kRefused = 5,
};

// Builds the response to one query: first its answers, then the SOA.
class ResponseBuilder {
 public:
  // Requires: a name that NormalizeName accepts, as in every query from ParseQuery.
  ResponseBuilder(const Query& query, ResponseCode code);

  // Adds a record of `type` that belongs to `owner`, or to the query's name. Of `record` only the fields of the type
  // count; a null MX has the name "". TXT is split into strings of 255 bytes. False, and nothing is added: a name that
  // NormalizeName refuses, an address of the other family, or more than 65,535 bytes. Requires: no SOA yet.
  bool AddAnswer(std::string_view owner, RecordType type, std::uint32_t ttl_s, const Record& record);
  bool AddAnswer(RecordType type, std::uint32_t ttl_s, const Record& record);
  // For negative answers: the authority section says that they may be kept for `ttl_s` (RFC 2308 section 5). At most
  // once.
  void AddSoa(std::uint32_t ttl_s);
  // Sets the AD bit: all of it was verified by DNSSEC.
  void SetAuthenticated() { authenticated_ = true; }

  // The message. One longer than `size_max` has TC and no records instead (RFC 2181 section 9).
  std::string Build(std::size_t size_max) const;

 private:
  std::string Assemble(bool truncated) const;

  const Query query_;
  const ResponseCode code_;
  std::string records_;
  std::uint16_t answers_ = 0;
  std::uint16_t authorities_ = 0;
  bool authenticated_ = false;
};

// A query message with recursion desired and EDNS, 1232 bytes; `wants_authenticated`: with the AD bit. Requires: a name
// that NormalizeName accepts.
std::string BuildQuery(std::uint16_t id, std::string_view name, RecordType type, bool wants_authenticated = false);

std::string_view TypeName(RecordType type);  // "MX", "AAAA".

}  // namespace dns
