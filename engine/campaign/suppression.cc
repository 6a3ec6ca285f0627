#include "engine/campaign/suppression.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"
#include "engine/campaign/address.h"

namespace campaign {
namespace {
constexpr int kErrorsMax = 10;
constexpr std::string_view kDigestPrefix = "sha256:";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
}  // namespace

Suppression::Entry Suppression::EntryOf(std::string_view text) {
  return {base::StableHash(text, 1), base::StableHash(text, 2)};
}

absl::Status Suppression::Add(std::string_view text, std::string_view file) {
  std::string errors;
  int found = 0, number = 0;
  Address address;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view raw = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(raw.size() + 1, rest.size()));
    ++number;
    const std::string_view line = base::TrimAscii(raw);
    if (line.empty() || line.front() == '#') continue;
    std::string_view reason;
    if (line.front() == '@') {
      // Checked as part of an address: a domain that no address has would suppress nobody without a word.
      if (ParseAddress("x" + std::string(line), address, reason)) entries_.push_back(EntryOf("@" + address.domain));
    } else if (line.starts_with(kDigestPrefix)) {
      const std::string_view hex = line.substr(kDigestPrefix.size());
      if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
        reason = "sha256: wants 64 hexadecimal digits";
      } else {
        const std::string bytes = absl::HexStringToBytes(base::AbslView(hex));
        Entry entry;
        std::memcpy(&entry.first, bytes.data(), 8);
        std::memcpy(&entry.second, bytes.data() + 8, 8);
        digests_.push_back(entry);
      }
    } else if (ParseAddress(line, address, reason)) {
      entries_.push_back(EntryOf(address.folded));
    }
    if (reason.empty() || ++found > kErrorsMax) continue;
    absl::StrAppendFormat(&errors, "%s%s:%d: \"%s\": %s; an address, @domain or sha256:HEX belongs here",
                          errors.empty() ? "" : "\n", file, number, line, reason);
  }
  return errors.empty() ? absl::OkStatus() : absl::InvalidArgumentError(errors);
}

void Suppression::Seal() {
  std::sort(entries_.begin(), entries_.end());
  std::sort(digests_.begin(), digests_.end());
}

bool Suppression::Contains(std::string_view folded_address, std::string_view domain) const {
  if (!entries_.empty()) {
    if (std::binary_search(entries_.begin(), entries_.end(), EntryOf(folded_address))) return true;
    if (std::binary_search(entries_.begin(), entries_.end(), EntryOf("@" + std::string(domain)))) return true;
  }
  if (digests_.empty()) return false;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(folded_address.data()), folded_address.size(), digest);
  Entry entry;
  std::memcpy(&entry.first, digest, 8);
  std::memcpy(&entry.second, digest + 8, 8);
  return std::binary_search(digests_.begin(), digests_.end(), entry);
}

}  // namespace campaign
