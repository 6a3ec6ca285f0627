// The fake internet's names: which provider serves a domain, and what the DNS says about any name. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dns/resolver.h"
#include "engine/base/ip_address.h"
#include "engine/base/string_map.h"
#include "engine/base/time.h"
#include "tools/sandbox/personality.h"

namespace sandbox {

struct ZoneAnswer {
  enum class Kind : std::uint8_t { kFound, kNoData, kNoDomain, kServerFail, kSilence };
  Kind kind = Kind::kNoData;
  std::vector<dns::Record> records;  // For kFound; a null MX has the exchange "".
};

// What a DNS server asks.
class Names {
 public:
  virtual ~Names() = default;
  // `name` in lower case without a final dot; `type` as in the question, known or not.
  virtual ZoneAnswer Resolve(std::string_view name, std::uint16_t type, base::Instant now) = 0;
};

class Zone final : public Names {
 public:
  // The personality outlives the zone.
  explicit Zone(const Personality& personality);

  ZoneAnswer Resolve(std::string_view name, std::uint16_t type, base::Instant now) override;
  // The TXT record that the personality lists for a name.
  std::optional<std::string> ListedText(std::string_view name) const;
  // Index into the personality's providers.
  std::size_t ProviderOfDomain(std::string_view domain) const;
  // Where the provider's hosts listen: 127.25.P.N.
  std::vector<base::IpAddress> Addresses(std::size_t provider) const;
  // Nullopt: nobody listens there.
  std::optional<std::size_t> ProviderOfAddress(const base::IpAddress& address) const;

 private:
  struct Host {
    std::size_t provider = 0;
    bool reachable = true;
  };
  DomainFault FaultOf(std::string_view domain) const;
  std::optional<Host> FindHost(std::string_view name) const;  // Nullopt: no mail exchanger.
  base::IpAddress AddressOf(std::string_view host_name, const Host& host) const;
  ZoneAnswer Mx(std::string_view domain, DomainFault fault) const;
  ZoneAnswer Txt(std::string_view name) const;
  ZoneAnswer Pointer(std::string_view name) const;
  bool HasRecovered(std::string_view domain, base::Instant now);

  const Personality& personality_;
  std::uint64_t weight_total_ = 0;
  base::StringMap<std::size_t> domains_;                       // Named by a provider.
  base::StringMap<Host> hosts_;                                // MX hosts whose names are fixed.
  base::StringMap<std::vector<base::IpAddress>> pointed_;      // Names that PTR records point to.
  base::StringMap<std::vector<std::string>> pointers_;         // The same, by the reversed address.
  std::string spf_;                                            // Of every domain that has no other.
  absl::flat_hash_map<std::uint64_t, base::Instant> failing_;  // First question for a failing domain, by hash.
};

}  // namespace sandbox
