#include "engine/campaign/byte_source.h"

#include <sys/stat.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/byte_strings.h"
#include "tests/unit/campaign/scratch_folder.h"

namespace campaign {
namespace {

using testing::Gzip;
using ::testing::HasSubstr;
using testing::ReadAll;
using testing::ScratchFolder;
using testing::StringSource;
using testing::Zstd;

// Compresses well, and is larger than any buffer between.
std::string LongText(std::size_t rows = 60'000) {
  std::string text = "email,name\n";
  for (std::size_t i = 0; i < rows; ++i) text += "user" + std::to_string(i * 7919) + "@example.com,Zoë\n";
  return text;
}

absl::StatusOr<std::string> Read(std::string bytes, std::size_t step = SIZE_MAX, std::size_t piece = 1u << 16) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source =
      Decompressed(std::make_unique<StringSource>(std::move(bytes), step), "rows.csv");
  if (!source.ok()) return source.status();
  return ReadAll(**source, piece);
}

TEST(ByteSource, PlainBytesAreAsTheyAre) {
  EXPECT_EQ(*Read(""), "");
  EXPECT_EQ(*Read("a"), "a");
  EXPECT_EQ(*Read("abc\n", 1, 3), "abc\n");
  EXPECT_EQ(*Read(std::string("\x1F\x8C\0\0", 4)), std::string("\x1F\x8C\0\0", 4));
  EXPECT_EQ(*Read(LongText(), 4099), LongText());
}

TEST(ByteSource, GzipIsKnownByItsBytes) {
  EXPECT_EQ(*Read(Gzip("")), "");
  EXPECT_EQ(*Read(Gzip("hello")), "hello");
  EXPECT_EQ(*Read(Gzip("hello"), 1, 1), "hello");
  EXPECT_EQ(*Read(Gzip(LongText())), LongText());
  EXPECT_EQ(*Read(Gzip(LongText(3000)), 7, 13), LongText(3000));
}

TEST(ByteSource, MembersOfAGzipFileFollowOneAnother) {
  EXPECT_EQ(*Read(Gzip("one,") + Gzip("") + Gzip("two")), "one,two");
  EXPECT_EQ(*Read(Gzip("one,") + Gzip("two"), 1, 2), "one,two");
}

TEST(ByteSource, ZstdIsKnownByItsBytes) {
  for (const bool with_checksum : {true, false}) {
    EXPECT_EQ(*Read(Zstd("", with_checksum)), "");
    EXPECT_EQ(*Read(Zstd("hello", with_checksum)), "hello");
    EXPECT_EQ(*Read(Zstd(LongText(), with_checksum)), LongText());
    EXPECT_EQ(*Read(Zstd("one,", with_checksum) + Zstd("two", with_checksum), 3), "one,two");
  }
}

// What the decoder still holds when the file has ended comes out too.
TEST(ByteSource, ZstdWithoutChecksumIsWholeHoweverSmallThePieces) {
  const std::string text = LongText(3000);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, std::size_t{1000}, text.size()}) {
    const absl::StatusOr<std::string> read = Read(Zstd(text), SIZE_MAX, piece);
    ASSERT_TRUE(read.ok()) << "pieces of " << piece << ": " << read.status();
    EXPECT_EQ(*read, text);
  }
}

TEST(ByteSource, CompressedFilesThatAreCutShortAreErrors) {
  for (const bool gzip : {true, false}) {
    const std::string whole = gzip ? Gzip(LongText(200)) : Zstd(LongText(200), true);
    for (std::size_t size = 4; size < whole.size(); ++size) {
      const absl::StatusOr<std::string> read = Read(whole.substr(0, size));
      ASSERT_FALSE(read.ok()) << size << " of " << whole.size();
      EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(read.status().message(),
                gzip ? "rows.csv: the gzip file is cut short" : "rows.csv: the zstd file is cut short");
    }
  }
}

TEST(ByteSource, DamagedFilesAreErrors) {
  std::string gzip = Gzip(LongText(200));
  gzip[gzip.size() - 6] ^= 1;  // In the checksum.
  EXPECT_THAT(std::string(Read(gzip).status().message()), HasSubstr("rows.csv: not a valid gzip file"));
  std::string zstd = Zstd(LongText(200), true);
  zstd[zstd.size() - 1] ^= 1;
  EXPECT_THAT(std::string(Read(zstd).status().message()), HasSubstr("rows.csv: not a valid zstd file"));
}

TEST(ByteSource, OpensFilesWhateverTheirName) {
  const ScratchFolder folder;
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenSource(folder.Write("no-suffix", Gzip("email\na@b.c\n")));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(*ReadAll(**source), "email\na@b.c\n");
  EXPECT_EQ((*source)->consumed(), FileSize(folder.Path("no-suffix")));
}

TEST(ByteSource, ErrorsNameTheFile) {
  const ScratchFolder folder;
  const absl::Status missing = OpenSource(folder.Path("missing.csv")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), folder.Path("missing.csv") + ": No such file or directory");
  EXPECT_THAT(std::string(OpenSource(folder.path()).status().message()), HasSubstr(folder.path() + ": "));
  EXPECT_EQ(FileSize(folder.Path("missing.csv")), 0U);
}

// open() would wait for somebody who writes.
TEST(ByteSource, ANamedPipeIsRefused) {
  const ScratchFolder folder;
  ASSERT_EQ(mkfifo(folder.Path("rows.csv").c_str(), 0600), 0);
  const absl::Status refused = OpenSource(folder.Path("rows.csv")).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr(folder.Path("rows.csv") + ": a pipe and no file"));
}

TEST(ByteSource, CountsTheBytesOfTheFileNotOfItsContent) {
  const std::string compressed = Gzip(LongText());
  absl::StatusOr<std::unique_ptr<ByteSource>> source =
      Decompressed(std::make_unique<StringSource>(compressed, 1000), "rows.csv");
  ASSERT_TRUE(source.ok());
  char byte = 0;
  ASSERT_EQ(*(*source)->Read(&byte, 1), 1U);
  EXPECT_LT((*source)->consumed(), compressed.size());
  ASSERT_TRUE(ReadAll(**source).ok());
  EXPECT_EQ((*source)->consumed(), compressed.size());
}

TEST(PeekByte, FindsTheFirstByteThatIsNoSpaceAndTakesNothing) {
  for (const std::string text : {"{\"email\":1}\n", " \r\n\t{x", "email\n", "e"}) {
    std::unique_ptr<ByteSource> source = std::make_unique<StringSource>(text);
    EXPECT_EQ(*PeekByte(source), text[text.find_first_not_of(" \r\n\t")]);
    EXPECT_EQ(*ReadAll(*source), text);
  }
  std::unique_ptr<ByteSource> blank = std::make_unique<StringSource>(" \n ");
  EXPECT_EQ(*PeekByte(blank), '\0');
  EXPECT_EQ(*ReadAll(*blank), " \n ");
}

}  // namespace
}  // namespace campaign
