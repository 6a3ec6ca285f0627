// The files of a prepared campaign, as bytes. All numbers are little-endian.
//
//   roster.dat   per recipient, grouped by domain: varints row, line; a byte of flags (1: needs SMTPUTF8, 2: the
//   payload is JSON); texts
//                address, key, payload. A text is its length as a varint, then its bytes. The payload of a CSV row is
//                its columns as texts.
//   roster.idx   "SLUICEX1", then for each recipient the offset of its record in roster.dat (u64), and the file's size
//   at the end domains.dat  "SLUICED1", then for each domain: first recipient (u64), count (u64), offset of its name in
//   names (u64), its size (u64);
//                then the names
//   rejects.ndjson  a line of JSON per row that is no recipient: type, row, line, address, reason, first_row
//   template.dat what the caller gave as the message's snapshot
//   manifest.json   format, counts and the size and CRC-32C of each of these files; written last
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace roster {

inline constexpr std::uint32_t kFormat = 1;
inline constexpr std::string_view kIndexMagic = "SLUICEX1";
inline constexpr std::string_view kDomainsMagic = "SLUICED1";
inline constexpr std::uint8_t kNeedsSmtpUtf8 = 1, kJsonPayload = 2;

inline void PutVarint(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
inline void PutText(std::string_view text, std::string& out) {
  PutVarint(text.size(), out);
  out.append(text);
}
inline void PutU64(std::uint64_t value, std::string& out) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);
  out.append(bytes, 8);
}
inline std::uint64_t GetU64(std::string_view bytes, std::uint64_t at) {
  std::uint64_t value;
  std::memcpy(&value, bytes.data() + at, 8);
  return value;
}

// Reads what the Put functions wrote; beyond the end it gives zeros and empty texts, and ok() is false.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[0]);
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  std::string_view Text() {
    const std::uint64_t size = Varint();
    if (size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }
  std::uint8_t Byte() {
    if (bytes_.empty()) {
      ok_ = false;
      return 0;
    }
    const auto byte = static_cast<std::uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  bool AtEnd() const { return bytes_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace roster
