// How the values of shaping files are read. Errors (kInvalidArgument): what is wrong, to stand behind the key: "is 0;
// it must be …".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "absl/status/statusor.h"
#include "engine/base/rate.h"
#include "engine/config/limits.h"

namespace config {

std::string_view TextOf(const toml::node& node);                                      // Empty: it is no text.
absl::StatusOr<std::uint32_t> ReadCount(const toml::node& node, std::uint64_t most);  // At least 1.
// `range`: from `least` to `most`, for people.
absl::StatusOr<base::Duration> ReadTime(const toml::node& node, base::Duration least, base::Duration most,
                                        std::string_view range);
absl::StatusOr<bool> ReadBool(const toml::node& node);

// By the type of the field that it is for; the pointer is not used.
absl::StatusOr<std::uint32_t> ReadValue(const toml::node& node, std::uint32_t* field);
absl::StatusOr<std::uint32_t> ReadValue(const toml::node& node, std::optional<std::uint32_t>* field);
absl::StatusOr<base::Rate> ReadValue(const toml::node& node, std::optional<base::Rate>* field);
absl::StatusOr<base::Duration> ReadValue(const toml::node& node, base::Duration* field);
absl::StatusOr<bool> ReadValue(const toml::node& node, bool* field);
absl::StatusOr<AddressSet> ReadValue(const toml::node& node, AddressSet* field);
absl::StatusOr<IpLookupStrategy> ReadValue(const toml::node& node, IpLookupStrategy* field);
absl::StatusOr<TlsMode> ReadValue(const toml::node& node, TlsMode* field);
absl::StatusOr<std::vector<std::uint32_t>> ReadValue(const toml::node& node, std::vector<std::uint32_t>* field);
absl::StatusOr<Overflow> ReadValue(const toml::node& node, Overflow* field);

}  // namespace config
