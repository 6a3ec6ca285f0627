#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/io/disk.h"
#include "engine/io/new_file.h"
#include "engine/state_folder.h"
#include "tests/unit/campaign/scratch_folder.h"

namespace engine {
namespace {

TEST(TokenKeyFile, IsTheSameForAllThatComeFirstAtOnce) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  campaign::testing::ScratchFolder folder;
  for (int round = 0; round < 50; ++round) {
    const std::string path = folder.Path(std::to_string(round) + "/token.key");
    std::vector<std::string> keys(4);
    std::vector<std::thread> threads;
    for (std::string& key : keys) {
      threads.emplace_back([&disk, &path, &key] {
        const absl::StatusOr<campaign::TokenKey> loaded = LoadTokenKey(*disk, path);
        key = loaded.ok() ? loaded->Fingerprint() : std::string(loaded.status().message());
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string read = ReadTokenKey(*disk, path)->Fingerprint();
    for (const std::string& key : keys) ASSERT_EQ(key, read);
  }
}

TEST(TokenKeyFile, OneThatIsThereStays) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  campaign::testing::ScratchFolder folder;
  const std::string path = folder.Path("file");
  ASSERT_TRUE(io::MakeFileOnce(*disk, path, "first").ok());
  ASSERT_TRUE(io::MakeFileOnce(*disk, path, "second").ok());
  EXPECT_EQ(*io::ReadFile(*disk, path, 100), "first");
  EXPECT_EQ(disk->List(folder.Path(""))->size(), 1u);
  EXPECT_FALSE(io::MakeFileOnce(*disk, folder.Path("nowhere/file"), "x").ok());
}

}  // namespace
}  // namespace engine
