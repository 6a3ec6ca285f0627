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

// Replaces `entry` by what the line stands for: a folded address, @DOMAIN or sha256:HEX. What is wrong with it; empty:
// nothing.
std::string_view ReadEntry(std::string_view line, Address& address, std::string& entry) {
  std::string_view reason;
  if (line.front() == '@') {
    // Checked as part of an address: a domain that no address has would suppress nobody without a word.
    if (ParseAddress("x" + std::string(line), address, reason)) entry.assign("@").append(address.domain);
  } else if (line.starts_with(kDigestPrefix)) {
    const std::string_view hex = line.substr(kDigestPrefix.size());
    if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      return "sha256: wants 64 hexadecimal digits";
    entry = base::LowerAscii(line);
  } else if (ParseAddress(line, address, reason)) {
    entry = address.folded;
  }
  return reason;
}
}  // namespace

Suppression::Entry Suppression::EntryOf(std::string_view text) {
  return {base::StableHash(text, 1), base::StableHash(text, 2)};
}

Suppression::Entry Suppression::EntryOfDigest(std::string_view hex) {
  const std::string bytes = absl::HexStringToBytes(base::AbslView(hex));
  Entry entry;
  std::memcpy(&entry.first, bytes.data(), 8);
  std::memcpy(&entry.second, bytes.data() + 8, 8);
  return entry;
}

absl::Status Suppression::Add(std::string_view text, std::string_view file) {
  std::string errors;
  int found = 0, number = 0;
  Address address;
  std::string entry;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view raw = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(raw.size() + 1, rest.size()));
    ++number;
    const std::string_view line = base::TrimAscii(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::string_view reason = ReadEntry(line, address, entry);
    if (!reason.empty()) {
      if (++found > kErrorsMax) continue;
      absl::StrAppendFormat(&errors, "%s%s:%d: \"%s\": %s; an address, @domain or sha256:HEX belongs here",
                            errors.empty() ? "" : "\n", file, number, line, reason);
    } else if (line.starts_with(kDigestPrefix)) {
      digests_.push_back(EntryOfDigest(std::string_view(entry).substr(kDigestPrefix.size())));
    } else {
      entries_.push_back(EntryOf(entry));
    }
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

bool Suppression::Has(std::string_view line) const {
  if (!line.starts_with(kDigestPrefix)) return std::binary_search(entries_.begin(), entries_.end(), EntryOf(line));
  return std::binary_search(digests_.begin(), digests_.end(), EntryOfDigest(line.substr(kDigestPrefix.size())));
}

bool SuppressionLists::Contains(std::string_view folded_address, std::string_view domain) const {
  return std::any_of(lists_.begin(), lists_.end(),
                     [&](const auto& list) { return list->Contains(folded_address, domain); });
}

absl::StatusOr<std::string> SuppressionLine(std::string_view text) {
  const std::string_view line = base::TrimAscii(text);
  Address address;
  std::string entry;
  const std::string_view reason = line.empty() ? std::string_view("it is empty") : ReadEntry(line, address, entry);
  if (reason.empty()) return entry;
  return absl::InvalidArgumentError(
      absl::StrFormat("\"%s\": %s; an address, @domain or sha256:HEX belongs here", line, reason));
}

}  // namespace campaign
