#include "engine/ledger/segment.h"

#include <cstring>

#include "absl/strings/str_format.h"
#include "engine/base/crc32c.h"
#include "engine/base/text.h"

namespace ledger {
namespace {

constexpr std::string_view kSegmentMagic = "SLUICEJ1";
constexpr std::string_view kFrameMagic = "SLF1";

// Little-endian, as on every machine that this is built for (engine/base/crc32c.cc checks it).
template <typename Number>
void Put(Number value, std::string& out) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <typename Number>
Number Get(std::string_view bytes, std::size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  Put(kFormat, out);
  Put(std::uint32_t{0}, out);
  Put(header.campaign_hash, out);
  Put(header.number, out);
  Put(header.first_seq, out);
  Put(base::Crc32c(out), out);
  out.resize(kSegmentHeaderSize);
  return out;
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderSize || bytes.substr(0, 8) != kSegmentMagic ||
      Get<std::uint32_t>(bytes, 8) != kFormat)
    return std::nullopt;
  if (Get<std::uint32_t>(bytes, 40) != base::Crc32c(bytes.substr(0, 40))) return std::nullopt;
  return SegmentHeader{Get<std::uint64_t>(bytes, 16), Get<std::uint64_t>(bytes, 24), Get<std::uint64_t>(bytes, 32)};
}

std::string SegmentName(std::uint64_t number) { return absl::StrFormat("%08d.seg", number); }

std::optional<std::uint64_t> ParseSegmentName(std::string_view name) {
  if (name.size() < 12 || !name.ends_with(".seg")) return std::nullopt;
  const auto number = base::ParseInteger<std::uint64_t>(name.substr(0, name.size() - 4));
  return number.has_value() && SegmentName(*number) == name ? number : std::nullopt;
}

void AppendFrame(const Frame& frame, std::string& out) {
  const std::size_t begin = out.size();
  out.append(kFrameMagic);
  Put(static_cast<std::uint32_t>(frame.payload.size()), out);
  Put(frame.first_seq, out);
  Put(frame.records, out);
  Put(frame.durable_seq, out);
  const std::uint32_t crc = base::Crc32c(frame.payload, base::Crc32c(std::string_view(out).substr(begin)));
  Put(crc, out);
  Put(std::uint32_t{0}, out);
  out.append(frame.payload);
  out.resize(begin + (out.size() - begin + 7) / 8 * 8);
}

std::optional<Frame> TakeFrame(std::string_view& bytes) {
  if (bytes.size() < kFrameHeaderSize || bytes.substr(0, 4) != kFrameMagic) return std::nullopt;
  const std::size_t size = Get<std::uint32_t>(bytes, 4);
  const std::size_t whole = (kFrameHeaderSize + size + 7) / 8 * 8;
  if (size > kFrameSizeMax || bytes.size() < whole) return std::nullopt;
  Frame frame{Get<std::uint64_t>(bytes, 8), Get<std::uint64_t>(bytes, 16), Get<std::uint64_t>(bytes, 24),
              bytes.substr(kFrameHeaderSize, size)};
  if (Get<std::uint32_t>(bytes, 32) != base::Crc32c(frame.payload, base::Crc32c(bytes.substr(0, 32))))
    return std::nullopt;
  bytes.remove_prefix(whole);
  return frame;
}

bool HasFrameThatConfirms(std::string_view bytes, std::uint64_t seq) {
  for (std::size_t at = bytes.find(kFrameMagic); at != std::string_view::npos; at = bytes.find(kFrameMagic, at + 1)) {
    if (at % 8 != 0) continue;
    std::string_view rest = bytes.substr(at);
    const std::optional<Frame> frame = TakeFrame(rest);
    if (frame.has_value() && frame->durable_seq >= seq) return true;
  }
  return false;
}

}  // namespace ledger
