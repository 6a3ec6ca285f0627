// Module: base
// Addresses, dates and durations as text: what is read is written so that it is read again.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/date.h"
#include "engine/base/duration_text.h"
#include "engine/base/ip_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = base::IpAddress::Parse(text)) {
    CHECK(base::IpAddress::Parse(address->ToString()) == address);
    static_cast<void>(address->IsPrivate());
  }
  if (const auto time = base::ParseRfc3339(text)) {
    CHECK(base::ParseRfc3339(base::FormatRfc3339Microseconds(*time)) == time);
    CHECK(!base::FormatRfc5322(*time).empty());
  }
  if (const auto duration = base::ParseDuration(text); duration.ok()) {
    CHECK(*duration >= base::Duration() && *duration <= base::Duration::Hours(24 * 3660));
  }
  return 0;
}
