// Segments and frames: how groups of records lie in a file (FORMAT.md, "Segments"). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ledger {

inline constexpr std::uint32_t kFormat = 1;
inline constexpr std::size_t kSegmentHeaderSize = 64;
inline constexpr std::size_t kFrameHeaderSize = 40;
inline constexpr std::size_t kFrameSizeMax = 16u << 20;

struct SegmentHeader {
  std::uint64_t campaign_hash = 0;
  std::uint64_t number = 0;     // From 1.
  std::uint64_t first_seq = 0;  // Of the first record in it.
};
std::string EncodeSegmentHeader(const SegmentHeader& header);
// Nullopt: not one, or of a format that this program does not know.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);
std::string SegmentName(std::uint64_t number);  // "00000001.seg"
std::optional<std::uint64_t> ParseSegmentName(std::string_view name);

// What is written at once. `records` counts those that have a sequence number (definitions have none).
struct Frame {
  std::uint64_t first_seq = 0;
  std::uint64_t records = 0;
  std::uint64_t durable_seq = 0;  // Everything up to it was on the disk when this frame was written.
  std::string_view payload;
};
void AppendFrame(const Frame& frame, std::string& out);

// Takes one frame off the front. Nullopt: none that is whole; nothing is taken.
std::optional<Frame> TakeFrame(std::string_view& bytes);
// Whether a whole frame, with a later sequence number than `seq`, lies anywhere in `bytes`: the mark of damage in the
// middle, where only a torn end is expected. Looks at multiples of 8, as frames are aligned in the file; `bytes` begins
// at one.
bool HasFrameThatConfirms(std::string_view bytes, std::uint64_t seq);

}  // namespace ledger
