#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/io/io.h"

namespace io {

std::string Endpoint::ToString() const {
  return address.IsV6() ? absl::StrCat("[", address.ToString(), "]:", port)
                        : absl::StrCat(address.ToString(), ":", port);
}

std::optional<Endpoint> Endpoint::Parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const std::optional<base::IpAddress> address = base::IpAddress::Parse(host);
  const std::optional<std::uint16_t> port = base::ParseInteger<std::uint16_t>(text.substr(colon + 1));
  if (!address || !port || address->IsV6() != bracketed) return std::nullopt;
  return Endpoint{*address, *port};
}

}  // namespace io
