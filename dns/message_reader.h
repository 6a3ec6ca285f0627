// Reads a DNS message from front to back (RFC 1035 section 4). Pure; everything is checked against the message's end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/resolver.h"
#include "engine/base/time.h"

namespace dns {

struct MessageHeader {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additionals = 0;
};

struct MessageQuestion {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t question_class = 0;
};

struct ResourceRecord {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  base::Duration ttl;              // Values with the top bit set are zero (RFC 2181 section 8).
  Record value;                    // For the RecordTypes; others leave it empty.
  base::Duration soa_minimum;      // For an SOA (RFC 2308 section 4).
  std::uint8_t extended_code = 0;  // For an OPT: the upper eight bits of the code (RFC 6891 section 6.1.3).
};

// Each call reads the next part. Nullopt: the message ends too early or is malformed there; reading further has no
// meaning.
class MessageReader {
 public:
  explicit MessageReader(std::string_view message) : message_(message) {}  // Borrowed.

  std::optional<MessageHeader> ReadHeader();
  std::optional<MessageQuestion> ReadQuestion();
  std::optional<ResourceRecord> ReadRecord();

 private:
  bool Read16(std::uint16_t& value);
  bool Read32(std::uint32_t& value);
  // The record's data, which ends at `end`.
  bool ReadData(ResourceRecord& record, std::size_t end);
  bool ReadText(std::size_t end, std::string& text);

  const std::string_view message_;
  std::size_t offset_ = 0;
};

}  // namespace dns
