#include "dns/message_reader.h"

#include "dns/name.h"

namespace dns {
namespace {

constexpr std::uint16_t kTypeSoa = 6;
constexpr std::uint16_t kTypeOpt = 41;

base::Duration Ttl(std::uint32_t seconds) {
  return (seconds & 0x8000'0000U) != 0 ? base::Duration() : base::Duration::Seconds(seconds);
}

}  // namespace

bool MessageReader::Read16(std::uint16_t& value) {
  if (message_.size() - offset_ < 2) return false;
  value = static_cast<std::uint16_t>(static_cast<unsigned char>(message_[offset_]) << 8 |
                                     static_cast<unsigned char>(message_[offset_ + 1]));
  offset_ += 2;
  return true;
}

bool MessageReader::Read32(std::uint32_t& value) {
  std::uint16_t high = 0, low = 0;
  if (!Read16(high) || !Read16(low)) return false;
  value = static_cast<std::uint32_t>(high) << 16 | low;
  return true;
}

std::optional<MessageHeader> MessageReader::ReadHeader() {
  MessageHeader header;
  const bool complete = Read16(header.id) && Read16(header.flags) && Read16(header.questions) &&
                        Read16(header.answers) && Read16(header.authorities) && Read16(header.additionals);
  if (!complete) return std::nullopt;
  return header;
}

std::optional<MessageQuestion> MessageReader::ReadQuestion() {
  MessageQuestion question;
  std::optional<std::string> name = ReadName(message_, offset_);
  if (!name.has_value() || !Read16(question.type) || !Read16(question.question_class)) return std::nullopt;
  question.name = *std::move(name);
  return question;
}

std::optional<ResourceRecord> MessageReader::ReadRecord() {
  ResourceRecord record;
  std::optional<std::string> name = ReadName(message_, offset_);
  std::uint32_t ttl = 0;
  std::uint16_t size = 0;
  if (!name.has_value() || !Read16(record.type) || !Read16(record.record_class) || !Read32(ttl) || !Read16(size) ||
      message_.size() - offset_ < size) {
    return std::nullopt;
  }
  record.name = *std::move(name);
  record.ttl = Ttl(ttl);
  if (record.type == kTypeOpt) record.extended_code = static_cast<std::uint8_t>(ttl >> 24);
  const std::size_t end = offset_ + size;
  if (!ReadData(record, end)) return std::nullopt;
  offset_ = end;
  return record;
}

bool MessageReader::ReadData(ResourceRecord& record, std::size_t end) {
  const std::string_view data = message_.substr(offset_, end - offset_);
  switch (record.type) {
    case static_cast<std::uint16_t>(RecordType::kA):
      if (data.size() != 4) return false;
      record.value.address = base::IpAddress::V4Bytes(reinterpret_cast<const unsigned char*>(data.data()));
      return true;
    case static_cast<std::uint16_t>(RecordType::kAaaa):
      if (data.size() != 16) return false;
      record.value.address = base::IpAddress::V6Bytes(reinterpret_cast<const unsigned char*>(data.data()));
      return true;
    case static_cast<std::uint16_t>(RecordType::kMx):
      if (!Read16(record.value.preference)) return false;
      [[fallthrough]];
    case static_cast<std::uint16_t>(RecordType::kCname):
    case static_cast<std::uint16_t>(RecordType::kPtr): {
      std::optional<std::string> name = ReadName(message_, offset_);
      if (!name.has_value() || offset_ != end) return false;
      record.value.name = *std::move(name);
      return true;
    }
    case static_cast<std::uint16_t>(RecordType::kTxt):
      return ReadText(end, record.value.text);
    case static_cast<std::uint16_t>(RecordType::kTlsa):
      if (data.size() < 3) return false;
      record.value.text = std::string(data);
      return true;
    case kTypeSoa: {
      // MNAME, RNAME, SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM.
      if (!ReadName(message_, offset_).has_value() || !ReadName(message_, offset_).has_value()) return false;
      std::uint32_t number = 0;
      for (int i = 0; i < 5; ++i) {
        if (!Read32(number)) return false;
      }
      record.soa_minimum = Ttl(number);
      return offset_ == end;
    }
    default:
      return true;
  }
}

bool MessageReader::ReadText(std::size_t end, std::string& text) {
  while (offset_ < end) {
    const std::size_t size = static_cast<unsigned char>(message_[offset_]);
    if (end - offset_ - 1 < size) return false;
    text.append(message_.substr(offset_ + 1, size));
    offset_ += 1 + size;
  }
  return true;
}

}  // namespace dns
