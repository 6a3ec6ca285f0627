#include "engine/io/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FileDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/disk_test_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  std::string Path(const std::string& name) const { return root + "/" + name; }

  std::unique_ptr<Disk> disk = MakeFileDisk();
  std::string root;
};

TEST_F(FileDiskTest, ReadsBackWhatWasWrittenAnywhere) {
  auto file = disk->Open(Path("a"), OpenMode::kCreate);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->WriteAt(5, "world").ok());
  EXPECT_TRUE((*file)->WriteAt(0, "hello").ok());
  EXPECT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(*(*file)->Size(), 10u);
  std::string bytes;
  EXPECT_TRUE((*file)->ReadAt(3, 4, bytes).ok());
  EXPECT_EQ(bytes, "lowo");
  EXPECT_TRUE((*file)->ReadAt(8, 100, bytes).ok());
  EXPECT_EQ(bytes, "ld");
  EXPECT_TRUE((*file)->ReadAt(100, 5, bytes).ok());
  EXPECT_EQ(bytes, "");
  EXPECT_TRUE((*file)->Truncate(4).ok());
  EXPECT_EQ(*ReadFile(*disk, Path("a"), 100), "hell");
}

TEST_F(FileDiskTest, OpenModesKeepAndEmpty) {
  EXPECT_EQ(disk->Open(Path("a"), OpenMode::kReadWrite).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("a"), "content").ok());
  ASSERT_TRUE((*disk->Open(Path("a"), OpenMode::kReadWrite))->WriteAt(0, "C").ok());
  EXPECT_EQ(*ReadFile(*disk, Path("a"), 100), "Content");
  EXPECT_FALSE((*disk->Open(Path("a"), OpenMode::kRead))->WriteAt(0, "x").ok());
  ASSERT_TRUE(disk->Open(Path("a"), OpenMode::kCreate).ok());
  EXPECT_EQ(*ReadFile(*disk, Path("a"), 100), "");
}

TEST_F(FileDiskTest, ErrorsNameThePathAndTheReason) {
  const absl::Status missing = disk->Open(Path("missing"), OpenMode::kRead).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr(Path("missing") + ": No such file or directory"));
  const absl::Status directory = disk->Open(root, OpenMode::kRead).status();
  EXPECT_THAT(std::string(directory.message()), HasSubstr(root + ": Is a directory"));
  EXPECT_EQ(disk->Map(Path("missing"), false).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(disk->List(Path("missing")).ok());
  EXPECT_FALSE(disk->FreeBytes(Path("missing")).ok());
  EXPECT_FALSE(disk->SyncDirectory(Path("missing")).ok());
  EXPECT_THAT(std::string(disk->Rename(Path("missing"), Path("b")).message()), HasSubstr(Path("missing")));
}

TEST_F(FileDiskTest, AFullDiskIsToldAsSuch) {
  if (!disk->Exists("/dev/full")) GTEST_SKIP();
  auto file = disk->Open("/dev/full", OpenMode::kReadWrite);
  if (!file.ok()) GTEST_SKIP();
  const absl::Status status = (*file)->WriteAt(0, "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "/dev/full: no space left on device");
}

TEST_F(FileDiskTest, MapsAWholeFileForReadingAndWriting) {
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("a"), "content").ok());
  {
    auto mapping = disk->Map(Path("a"), true);
    ASSERT_TRUE(mapping.ok());
    EXPECT_EQ((*mapping)->view(), "content");
    (*mapping)->data()[0] = 'C';
  }
  EXPECT_EQ((*disk->Map(Path("a"), false))->view(), "Content");
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("empty"), "").ok());
  EXPECT_EQ((*disk->Map(Path("empty"), false))->view(), "");
}

TEST_F(FileDiskTest, ReplacesAFileAtomicallyAndLeavesNothingElse) {
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("a"), "old").ok());
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("a"), "new").ok());
  EXPECT_EQ(*ReadFile(*disk, Path("a"), 100), "new");
  EXPECT_THAT(*disk->List(root), ElementsAre("a"));
  // A directory in the way of the rename: the error is told, the temporary file is gone.
  ASSERT_TRUE(disk->MakeDirectories(Path("d/x")).ok());
  EXPECT_FALSE(WriteFileAtomically(*disk, Path("d"), "new").ok());
  EXPECT_THAT(*disk->List(root), ElementsAre("a", "d"));
}

TEST_F(FileDiskTest, ReadsFilesUpToALimit) {
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("a"), std::string(3'000'000, 'x')).ok());
  EXPECT_EQ(ReadFile(*disk, Path("a"), 3'000'000)->size(), 3'000'000u);
  const absl::Status status = ReadFile(*disk, Path("a"), 2'999'999).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("larger than 2999999 bytes"));
  EXPECT_EQ(ReadFile(*disk, Path("a"), 0).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(FileDiskTest, ListsMakesRenamesAndRemoves) {
  EXPECT_TRUE(disk->MakeDirectories(Path("x/y/z/")).ok());
  EXPECT_TRUE(disk->MakeDirectories(Path("x/y/z")).ok());
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("x/b"), "").ok());
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("x/a"), "").ok());
  EXPECT_THAT(*disk->List(Path("x")), ElementsAre("a", "b", "y"));
  EXPECT_TRUE(disk->Rename(Path("x/a"), Path("x/b")).ok());
  EXPECT_THAT(*disk->List(Path("x")), ElementsAre("b", "y"));
  EXPECT_TRUE(disk->Remove(Path("x/b")).ok());
  EXPECT_TRUE(disk->Remove(Path("x/b")).ok());
  EXPECT_FALSE(disk->Exists(Path("x/b")));
  EXPECT_TRUE(disk->SyncDirectory(Path("x")).ok());
  EXPECT_GT(*disk->FreeBytes(root), 0u);
  ASSERT_TRUE(WriteFileAtomically(*disk, Path("file"), "").ok());
  EXPECT_FALSE(disk->MakeDirectories(Path("file")).ok());
  EXPECT_FALSE(disk->MakeDirectories(Path("file/below")).ok());
}

}  // namespace
}  // namespace io
