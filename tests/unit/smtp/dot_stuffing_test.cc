#include "engine/smtp/dot_stuffing.h"

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace smtp {
namespace {

std::string Stuffed(const std::vector<std::string_view>& content) {
  std::vector<std::string_view> pieces;
  AppendDotStuffed(content, pieces);
  std::string out;
  for (const std::string_view piece : pieces) out += piece;
  return out;
}

// What a server makes of the data: lines up to the dot, without the dots that were added. Empty: the dot is not where
// the bytes end.
std::string Received(std::string_view data) {
  std::string content;
  while (!data.empty()) {
    const std::size_t end = data.find("\r\n");
    if (end == std::string_view::npos) return "";
    std::string_view line = data.substr(0, end);
    data.remove_prefix(end + 2);
    if (line == ".") return data.empty() ? content : "";
    if (line.starts_with('.')) line.remove_prefix(1);
    content.append(line).append("\r\n");
  }
  return "";
}

TEST(DotStuffing, EndsTheDataWithADotOfItsOwn) {
  EXPECT_EQ(Stuffed({"a\r\n"}), "a\r\n.\r\n");
  EXPECT_EQ(Stuffed({"a"}), "a\r\n.\r\n");
  EXPECT_EQ(Stuffed({}), ".\r\n");
  EXPECT_EQ(Stuffed({"", ""}), ".\r\n");
}

TEST(DotStuffing, DoublesADotThatBeginsALine) {
  EXPECT_EQ(Stuffed({".\r\n"}), "..\r\n.\r\n");
  EXPECT_EQ(Stuffed({"."}), "..\r\n.\r\n");
  EXPECT_EQ(Stuffed({"a\r\n.b\r\n..c\r\n"}), "a\r\n..b\r\n...c\r\n.\r\n");
  EXPECT_EQ(Stuffed({"\r\n.\r\n.\r\n"}), "\r\n..\r\n..\r\n.\r\n");
}

TEST(DotStuffing, LeavesOtherDotsAlone) { EXPECT_EQ(Stuffed({"a.b\r\nc.\r\n d.\r\n"}), "a.b\r\nc.\r\n d.\r\n.\r\n"); }

TEST(DotStuffing, DoesNotDependOnHowTheContentIsCut) {
  constexpr std::string_view kContent = ".a\r\n.\r\n..\r\nb.c\r\n\r\n.end\r\nlast.\r\n";
  const std::string whole = Stuffed({kContent});
  EXPECT_EQ(Received(whole), kContent);
  for (std::size_t i = 0; i <= kContent.size(); ++i) {
    for (std::size_t j = i; j <= kContent.size(); ++j) {
      EXPECT_EQ(Stuffed({kContent.substr(0, i), kContent.substr(i, j - i), kContent.substr(j)}), whole)
          << i << " " << j;
    }
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < kContent.size(); ++i) {
    bytes.push_back(kContent.substr(i, 1));
    bytes.emplace_back();
  }
  EXPECT_EQ(Stuffed(bytes), whole);
}

TEST(DotStuffing, CompletesALastLineWhoseEndIsCutOff) {
  EXPECT_EQ(Stuffed({"a\r\n", "b"}), "a\r\nb\r\n.\r\n");
  EXPECT_EQ(Stuffed({"a\r", "\n"}), "a\r\n.\r\n");
  EXPECT_EQ(Stuffed({"a\n"}), "a\n\r\n.\r\n");
}

TEST(DotStuffing, AppendsToWhatIsThere) {
  std::vector<std::string_view> pieces = {"before"};
  const std::vector<std::string_view> content = {"a\r\n"};
  AppendDotStuffed(content, pieces);
  EXPECT_THAT(pieces, ::testing::ElementsAre("before", "a\r\n", ".\r\n"));
}

}  // namespace
}  // namespace smtp
