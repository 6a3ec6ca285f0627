// Asking the DNS, as an interface: c-ares in production, zones with faults in the simulator, a cache in front of
// either.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "engine/base/ip_address.h"
#include "engine/base/time.h"

namespace dns {

enum class RecordType : std::uint16_t {
  kA = 1,
  kCname = 5,
  kPtr = 12,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kTlsa = 52
};  // RFC 1035, 3596, 6698

// One resource record of the asked type. Names are lower case, without a final dot; the root is "".
struct Record {
  base::IpAddress address;       // A, AAAA
  std::uint16_t preference = 0;  // MX
  std::string name;              // MX exchange, CNAME and PTR target
  std::string text;              // TXT, its strings joined; TLSA, its data as it came (at least 3 bytes)
};

enum class AnswerKind : std::uint8_t {
  kFound,       // At least one record of the asked type, after CNAMEs.
  kNoData,      // The name exists, but not with this type.
  kNoDomain,    // NXDOMAIN.
  kServerFail,  // SERVFAIL, REFUSED or another error code; or an answer that cannot be parsed.
  kTimeout,     // No server answered.
};

struct Answer {
  AnswerKind kind = AnswerKind::kTimeout;
  std::vector<Record> records;  // Non-empty exactly for kFound; in the order of the answer.
  base::Duration ttl;           // The smallest TTL on the way; negative answers: RFC 2308 section 5. Zero: do not keep.
  bool authenticated = false;   // AD bit from a trusted server.
  std::string detail = {};      // For people: why it failed, and which server said so.
  std::string canonical = {};   // Where CNAMEs led to; empty: the name is no alias.
};

class Resolver {
 public:
  using Callback = absl::AnyInvocable<void(const Answer&)>;
  virtual ~Resolver() = default;
  // Asks for `name` (ASCII, without a final dot). `callback` runs exactly once, from the reactor and never within this
  // call; not at all once the resolver is destroyed.
  virtual void Resolve(std::string_view name, RecordType type, Callback callback) = 0;
  // The same, and no cache of this program answers.
  virtual void ResolveAnew(std::string_view name, RecordType type, Callback callback) {
    Resolve(name, type, std::move(callback));
  }
};

}  // namespace dns
