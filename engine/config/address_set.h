// A list of IP address ranges in CIDR notation (RFC 4632, RFC 4291 section 2.3).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"

namespace config {

class AddressSet {
 public:
  // "192.0.2.0/24", "::/0", or one address. False, and nothing is added: not of this form.
  [[nodiscard]] bool Add(std::string_view range);
  bool Contains(const base::IpAddress& address) const;
  bool HasRangesOf(bool v6) const;  // Of this family there is a range.
  bool empty() const { return ranges_.empty(); }

  friend bool operator==(const AddressSet&, const AddressSet&) = default;

 private:
  struct Range {
    base::IpAddress address;
    int bits = 0;  // Leading bits that count.
    friend bool operator==(const Range&, const Range&) = default;
  };
  std::vector<Range> ranges_;
};

}  // namespace config
