// DNS messages as bytes (RFC 1035 section 4): answers parsed for the resolver, queries and answers built for the
// sandbox's name server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/resolver.h"

namespace dns {

// What an answer message says about (name, type): CNAMEs within it are followed (at most 16), TTL is the smallest on
// the way, for negative answers that of the SOA (RFC 2308 section 5). kServerFail for other response codes and for what
// cannot be parsed.
Answer ParseAnswer(std::string_view message, std::string_view name, RecordType type);
// The message says that it is truncated (TC): ask again over TCP.
bool IsTruncated(std::string_view message);

// A query, as a server reads it.
struct Query {
  std::uint16_t id = 0;
  std::string name;        // Lower case, without a final dot.
  std::uint16_t type = 0;  // Any, not only those of RecordType.
  bool recursion_desired = false;
  std::uint16_t udp_size = 512;  // From EDNS (RFC 6891).
};
std::optional<Query> ParseQuery(std::string_view message);

enum class ResponseCode : std::uint8_t { kNoError = 0, kServerFail = 2, kNoDomain = 3, kRefused = 5 };

// Builds one answer to a query. Names are written in full; TXT longer than 255 octets is split into strings.
class ResponseBuilder {
 public:
  ResponseBuilder(const Query& query, ResponseCode code);
  void AddAnswer(RecordType type, std::uint32_t ttl_s, const Record& record);  // Owner: the query's name.
  void AddSoa(std::uint32_t ttl_s);                                            // For negative answers.
  // The message; with TC and no records where it is longer than `size_max`.
  std::string Build(std::size_t size_max) const;

 private:
  void AddOwner(std::string& section, std::uint16_t type, std::uint32_t ttl_s, std::string_view data) const;
  const Query query_;
  const ResponseCode code_;
  std::string answers_, authority_;
  std::uint16_t answer_count_ = 0, authority_count_ = 0;
};

// A query message with recursion desired and EDNS.
std::string BuildQuery(std::uint16_t id, std::string_view name, RecordType type);

}  // namespace dns
