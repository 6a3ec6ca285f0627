#include "engine/config/shaping_values.h"

#include "absl/strings/str_cat.h"
#include "engine/base/duration_text.h"
#include "engine/base/text.h"

namespace config {
namespace {

constexpr std::uint64_t kCountMax = 1'000'000;
constexpr std::size_t kDaysMax = 1000;           // Of a warm-up.
constexpr std::int64_t kDayMax = 1'000'000'000;  // Messages.
constexpr base::Duration kTimeoutMin = base::Duration::Milliseconds(1);
constexpr base::Duration kTimeoutMax = base::Duration::Hours(24);

absl::Status Wrong(std::string_view text) { return absl::InvalidArgumentError(base::AbslView(text)); }

absl::StatusOr<base::Rate> ReadRate(const toml::node& node) {
  if (!node.is_string()) return Wrong("is not a text; write a rate in quotes, as \"100/min\"");
  absl::StatusOr<base::Rate> rate = base::ParseRate(TextOf(node));
  if (!rate.ok()) return Wrong(absl::StrCat("is wrong: ", std::string(rate.status().message())));
  return rate;
}

absl::StatusOr<base::Duration> ReadTimeout(const toml::node& node) {
  return ReadTime(node, kTimeoutMin, kTimeoutMax, "from 1 ms to 24 h");
}

absl::StatusOr<AddressSet> ReadAddresses(const toml::node& node) {
  AddressSet addresses;
  const toml::array* list = node.as_array();
  if (list == nullptr) return Wrong("is not a list; write addresses and ranges, as [\"192.0.2.0/24\", \"::/0\"]");
  for (const toml::node& element : *list) {
    if (!addresses.Add(TextOf(element))) {
      return Wrong("has an element that is no address; write addresses and ranges, as [\"192.0.2.0/24\", \"::/0\"]");
    }
  }
  return addresses;
}

absl::StatusOr<IpLookupStrategy> ReadStrategy(const toml::node& node) {
  const std::string_view text = TextOf(node);
  if (text == "Ipv4AndIpv6") return IpLookupStrategy::kIpv4AndIpv6;
  if (text == "Ipv4Only") return IpLookupStrategy::kIpv4Only;
  if (text == "Ipv6Only") return IpLookupStrategy::kIpv6Only;
  if (text == "Ipv6ThenIpv4") return IpLookupStrategy::kIpv6ThenIpv4;
  if (text == "Ipv4ThenIpv6") return IpLookupStrategy::kIpv4ThenIpv6;
  return Wrong(
      "is unknown; it must be \"Ipv4AndIpv6\", \"Ipv4Only\", \"Ipv6Only\", \"Ipv6ThenIpv4\" or \"Ipv4ThenIpv6\"");
}

absl::StatusOr<TlsMode> ReadTlsMode(const toml::node& node) {
  const std::string_view text = TextOf(node);
  if (text == "Opportunistic") return TlsMode::kOpportunistic;
  if (text == "OpportunisticInsecure") return TlsMode::kOpportunisticInsecure;
  if (text == "Required") return TlsMode::kRequired;
  if (text == "RequiredInsecure") return TlsMode::kRequiredInsecure;
  if (text == "Disabled") return TlsMode::kDisabled;
  return Wrong(
      "is unknown; it must be \"Opportunistic\", \"OpportunisticInsecure\", \"Required\", \"RequiredInsecure\" or "
      "\"Disabled\"");
}

absl::StatusOr<std::vector<std::uint32_t>> ReadDays(const toml::node& node) {
  const toml::array* list = node.as_array();
  if (list == nullptr || list->size() > kDaysMax)
    return Wrong(
        absl::StrCat("is not a list; write at most ", kDaysMax, " numbers, one for each day, as [50, 100, 500]"));
  std::vector<std::uint32_t> days;
  for (const toml::node& element : *list) {
    const auto* number = element.as_integer();
    if (number == nullptr || number->get() < 1 || number->get() > kDayMax)
      return Wrong(absl::StrCat("has an element that is no number in its range; each must be from 1 to ", kDayMax));
    days.push_back(static_cast<std::uint32_t>(number->get()));
  }
  return days;
}

absl::StatusOr<Overflow> ReadOverflow(const toml::node& node) {
  const std::string_view text = TextOf(node);
  if (text == "wait") return Overflow::kWait;
  if (text == "warm") return Overflow::kWarm;
  return Wrong("is unknown; it must be \"wait\" or \"warm\"");
}

}  // namespace

std::string_view TextOf(const toml::node& node) {
  const auto* text = node.as_string();
  return text == nullptr ? std::string_view() : std::string_view(text->get());
}

absl::StatusOr<std::uint32_t> ReadCount(const toml::node& node, std::uint64_t most) {
  std::optional<std::uint64_t> count;
  if (const auto* number = node.as_integer(); number != nullptr && number->get() >= 0) {
    count = static_cast<std::uint64_t>(number->get());
  } else if (node.is_string()) {
    count = base::ParseCount(base::WithoutLocal(TextOf(node)));
  }
  if (!count.has_value() || *count < 1 || *count > most) {
    return Wrong(absl::StrCat("is not a number in its range; it must be a whole number from 1 to ", most));
  }
  return static_cast<std::uint32_t>(*count);
}

absl::StatusOr<base::Duration> ReadTime(const toml::node& node, base::Duration least, base::Duration most,
                                        std::string_view range) {
  if (!node.is_string()) return Wrong("is not a text; write a span of time in quotes, as \"5m\"");
  const absl::StatusOr<base::Duration> time = base::ParseDuration(TextOf(node));
  if (!time.ok()) return Wrong(absl::StrCat("is wrong: ", std::string(time.status().message())));
  if (*time < least || *time > most) return Wrong(absl::StrCat("is out of range; it must be ", base::AbslView(range)));
  return *time;
}

absl::StatusOr<bool> ReadBool(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return value->get();
  return Wrong("is not true or false; write one of them without quotes");
}

absl::StatusOr<std::uint32_t> ReadValue(const toml::node& node, std::uint32_t*) { return ReadCount(node, kCountMax); }
absl::StatusOr<std::uint32_t> ReadValue(const toml::node& node, std::optional<std::uint32_t>*) {
  return ReadCount(node, kCountMax);
}
absl::StatusOr<base::Rate> ReadValue(const toml::node& node, std::optional<base::Rate>*) { return ReadRate(node); }
absl::StatusOr<base::Duration> ReadValue(const toml::node& node, base::Duration*) { return ReadTimeout(node); }
absl::StatusOr<bool> ReadValue(const toml::node& node, bool*) { return ReadBool(node); }
absl::StatusOr<AddressSet> ReadValue(const toml::node& node, AddressSet*) { return ReadAddresses(node); }
absl::StatusOr<IpLookupStrategy> ReadValue(const toml::node& node, IpLookupStrategy*) { return ReadStrategy(node); }
absl::StatusOr<TlsMode> ReadValue(const toml::node& node, TlsMode*) { return ReadTlsMode(node); }
absl::StatusOr<std::vector<std::uint32_t>> ReadValue(const toml::node& node, std::vector<std::uint32_t>*) {
  return ReadDays(node);
}
absl::StatusOr<Overflow> ReadValue(const toml::node& node, Overflow*) { return ReadOverflow(node); }

}  // namespace config
