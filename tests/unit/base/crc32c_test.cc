#include "engine/base/crc32c.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace base {
namespace internal {
std::uint32_t Crc32cByTables(std::string_view bytes,
                             std::uint32_t previous);  // For processors without the instruction.
}
namespace {

TEST(Crc32c, GivesTheExamplesOfRfc3720AppendixB4) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string up(32, '\0'), down(32, '\0');
  for (std::size_t i = 0; i < 32; ++i) {
    up[i] = static_cast<char>(i);
    down[i] = static_cast<char>(31 - i);
  }
  EXPECT_EQ(Crc32c(up), 0x46DD794Eu);
  EXPECT_EQ(Crc32c(down), 0x113FDB5Cu);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, IsTheSameInPiecesOfAnySize) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += static_cast<char>(i * 37);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string_view all = bytes;
    EXPECT_EQ(Crc32c(all.substr(cut), Crc32c(all.substr(0, cut))), Crc32c(bytes)) << cut;
  }
}

TEST(Crc32c, TablesGiveWhatTheInstructionGives) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    bytes += static_cast<char>(i * i + 7 * i);
    EXPECT_EQ(internal::Crc32cByTables(bytes, 0), Crc32c(bytes)) << i;
    EXPECT_EQ(internal::Crc32cByTables(bytes, 0xDEADBEEF), Crc32c(bytes, 0xDEADBEEF)) << i;
    const std::string_view unaligned = std::string_view(bytes).substr(1);
    EXPECT_EQ(internal::Crc32cByTables(unaligned, 0), Crc32c(unaligned)) << i;
  }
}

}  // namespace
}  // namespace base
