#include "engine/ledger/segment.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace ledger {
namespace {

TEST(SegmentHeader, IsReadAsItWasWritten) {
  const std::string bytes = EncodeSegmentHeader({.campaign_hash = 7, .number = 3, .first_seq = 1ull << 50});
  EXPECT_EQ(bytes.size(), kSegmentHeaderSize);
  const auto header = DecodeSegmentHeader(bytes);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->campaign_hash, 7u);
  EXPECT_EQ(header->number, 3u);
  EXPECT_EQ(header->first_seq, 1ull << 50);
}

TEST(SegmentHeader, IsRefusedWithAnyByteChangedOrMissing) {
  const std::string good = EncodeSegmentHeader({.campaign_hash = 7, .number = 3, .first_seq = 9});
  for (std::size_t at = 0; at < 44; ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(DecodeSegmentHeader(bad).has_value()) << at;
  }
  EXPECT_FALSE(DecodeSegmentHeader(std::string_view(good).substr(0, kSegmentHeaderSize - 1)).has_value());
  EXPECT_FALSE(DecodeSegmentHeader(std::string(kSegmentHeaderSize, '\0')).has_value());
}

TEST(SegmentName, HasItsNumberAndNoOtherSpelling) {
  EXPECT_EQ(SegmentName(1), "00000001.seg");
  EXPECT_EQ(SegmentName(1'234'567'890), "1234567890.seg");
  EXPECT_EQ(ParseSegmentName("00000001.seg"), 1u);
  EXPECT_EQ(ParseSegmentName("1234567890.seg"), 1'234'567'890u);
  for (const char* name :
       {"1.seg", "000000001.seg", "0000000x.seg", "00000001.tmp", "00000001", ".seg", "", "+0000001.seg"})
    EXPECT_FALSE(ParseSegmentName(name).has_value()) << name;
}

std::string FrameBytes(std::string_view payload, std::uint64_t first = 1, std::uint64_t durable = 0) {
  std::string bytes;
  AppendFrame({.first_seq = first, .records = 2, .durable_seq = durable, .payload = payload}, bytes);
  return bytes;
}

TEST(Frame, IsTakenOffTheFrontAsItWasWritten) {
  for (std::size_t size = 0; size <= 17; ++size) {
    const std::string payload(size, 'p');
    const std::string bytes = FrameBytes(payload, 5, 4) + "rest";
    std::string_view left = bytes;
    const auto frame = TakeFrame(left);
    ASSERT_TRUE(frame.has_value()) << size;
    EXPECT_EQ(frame->first_seq, 5u);
    EXPECT_EQ(frame->records, 2u);
    EXPECT_EQ(frame->durable_seq, 4u);
    EXPECT_EQ(frame->payload, payload);
    EXPECT_EQ(left, "rest");
    EXPECT_EQ((bytes.size() - left.size()) % 8, 0u);
  }
}

TEST(Frame, TornAtAnyLengthIsNone) {
  const std::string whole = FrameBytes("some payload of thirty-two bytes");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string torn = whole.substr(0, size);
    std::string_view left = torn;
    EXPECT_FALSE(TakeFrame(left).has_value()) << size;
    EXPECT_EQ(left.size(), size) << "something was taken";
    torn.resize(whole.size());  // In the file, zeros follow.
    left = torn;
    if (torn != whole) {
      EXPECT_FALSE(TakeFrame(left).has_value()) << size;
    }
  }
}

TEST(Frame, WithAnyByteChangedIsNone) {
  const std::string payload = "some payload of thirty-two bytes", whole = FrameBytes(payload);
  for (std::size_t at = 0; at < kFrameHeaderSize + payload.size(); ++at) {
    if (at >= 36 && at < kFrameHeaderSize) continue;  // These mean nothing.
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    std::string_view left = bad;
    EXPECT_FALSE(TakeFrame(left).has_value()) << at;
  }
}

TEST(Frame, LargerThanTheLimitIsNone) {
  std::string_view left;
  const std::string bytes = FrameBytes(std::string(kFrameSizeMax + 1, 'x'));
  left = bytes;
  EXPECT_FALSE(TakeFrame(left).has_value());
}

TEST(Frame, ConfirmsWhatCameBeforeItWhereverItLies) {
  const std::string torn(64, '\x55');
  EXPECT_TRUE(HasFrameThatConfirms(torn + FrameBytes("x", 8, 7), 7));
  EXPECT_FALSE(HasFrameThatConfirms(torn + FrameBytes("x", 8, 6), 7)) << "it says nothing about 7";
  EXPECT_FALSE(HasFrameThatConfirms(torn + "1234" + FrameBytes("x", 8, 7), 7)) << "frames are aligned";
  EXPECT_FALSE(HasFrameThatConfirms(torn + FrameBytes("x", 8, 7).substr(0, 40), 7)) << "it is torn itself";
  // Words in a payload that look like the beginning of one do not hide it.
  EXPECT_TRUE(HasFrameThatConfirms("SLF1SLF1SLF1xxxx" + FrameBytes("SLF1SLF1", 8, 7), 7));
}

}  // namespace
}  // namespace ledger
