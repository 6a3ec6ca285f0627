#include "engine/suppression_watch.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace engine {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class KeptLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class SuppressionWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  void Write(std::string_view name, std::string_view text) {  // As a careful program does.
    std::ofstream(Path("new")) << text;
    std::filesystem::rename(Path("new"), Path(name));
  }
  SuppressionWatch Watch() { return SuppressionWatch(*disk_, {{Path("host.txt"), true}, {Path("stop.txt"), false}}); }
  // Looks after the files, a while later.
  std::shared_ptr<const campaign::SuppressionLists> Poll(SuppressionWatch& watch) {
    now_ = now_ + base::Duration::Seconds(2);
    return watch.Poll(now_, log_);
  }
  static bool Has(const campaign::SuppressionLists& lists, std::string_view address) {
    return lists.Contains(address, address.substr(address.find('@') + 1));
  }

  const std::string folder_ = testing::TempDir() + absl::StrFormat("/suppression_watch.%d", ::getpid());
  const std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
  base::Instant now_;
  KeptLog log_;
};

TEST_F(SuppressionWatchTest, ReadsAgainWhatHasChanged) {
  Write("stop.txt", "a@example.com\n");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  EXPECT_TRUE(Has(*watch.lists(), "a@example.com"));
  EXPECT_EQ(Poll(watch), nullptr);
  Write("stop.txt", "a@example.com\nb@example.com\n");
  const auto changed = Poll(watch);
  ASSERT_NE(changed, nullptr);
  EXPECT_TRUE(Has(*changed, "a@example.com"));
  EXPECT_TRUE(Has(*changed, "b@example.com"));
  EXPECT_EQ(Poll(watch), nullptr);
  Write("host.txt", "c@example.com\n");  // It was not there.
  const auto more = Poll(watch);
  ASSERT_NE(more, nullptr);
  EXPECT_TRUE(Has(*more, "b@example.com"));
  EXPECT_TRUE(Has(*more, "c@example.com"));
  EXPECT_THAT(log_.lines, IsEmpty());
}

TEST_F(SuppressionWatchTest, LooksEveryTwoSecondsOnly) {
  Write("stop.txt", "");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  EXPECT_EQ(Poll(watch), nullptr);
  Write("stop.txt", "a@example.com\n");
  EXPECT_EQ(watch.Poll(now_ + base::Duration::Milliseconds(1900), log_), nullptr);
  EXPECT_NE(watch.Poll(now_ + base::Duration::Seconds(2), log_), nullptr);
}

TEST_F(SuppressionWatchTest, NobodyComesBackBecauseAFileIsBroken) {
  Write("stop.txt", "a@example.com\n");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  std::filesystem::remove(Path("stop.txt"));
  const auto gone = Poll(watch);
  EXPECT_TRUE(Has(gone != nullptr ? *gone : *watch.lists(), "a@example.com"));
  EXPECT_THAT(log_.lines, SizeIs(1));
  EXPECT_EQ(Poll(watch), nullptr);  // Said once.
  EXPECT_THAT(log_.lines, SizeIs(1));
  Write("stop.txt", "b@example.com\nhalf a li");
  const auto broken = Poll(watch);
  ASSERT_NE(broken, nullptr);
  EXPECT_TRUE(Has(*broken, "a@example.com"));
  EXPECT_TRUE(Has(*broken, "b@example.com"));
  EXPECT_THAT(log_.lines.back(), HasSubstr("stop.txt:2: \"half a li\": "));
  Write("stop.txt", "c@example.com\n");
  const auto whole = Poll(watch);
  ASSERT_NE(whole, nullptr);
  EXPECT_TRUE(Has(*whole, "c@example.com"));
  EXPECT_FALSE(Has(*whole, "b@example.com"));
}

TEST_F(SuppressionWatchTest, AtTheStartAFileMustBeGood) {
  SuppressionWatch watch = Watch();
  EXPECT_TRUE(absl::IsInvalidArgument(watch.Load()));
  Write("stop.txt", "nobody\n");
  EXPECT_THAT(watch.Load().message(), HasSubstr("stop.txt:1: \"nobody\": "));
}

TEST_F(SuppressionWatchTest, WhatItAddsItselfIsNothingNew) {
  Write("stop.txt", "");
  Write("host.txt", "a@example.com");  // Without an end.
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  ASSERT_TRUE(watch.Add(Path("host.txt"), "b@example.com\n").ok());
  EXPECT_EQ(Poll(watch), nullptr);
  EXPECT_EQ(*io::ReadFile(*disk_, Path("host.txt"), 1000), "a@example.com\nb@example.com\n");
  // What others have added meanwhile is.
  ASSERT_TRUE(io::AppendLines(Path("host.txt"), "c@example.com\n").ok());
  ASSERT_TRUE(watch.Add(Path("host.txt"), "d@example.com\n").ok());
  const auto changed = Poll(watch);
  ASSERT_NE(changed, nullptr);
  EXPECT_TRUE(Has(*changed, "c@example.com"));
}

TEST(SuppressionFiles, AreThoseOfHostConfigurationAndCampaignEachOnce) {
  config::Config config;
  campaign::Campaign campaign;
  campaign.recipients.suppress = {"/c/stop.txt"};
  EXPECT_EQ(HostSuppressionFile(config), "");
  EXPECT_THAT(SuppressionFilesOf(config, campaign), SizeIs(1));
  config.engine.state_dir = "/s";
  config.suppression_files = {"/s/suppressed.txt", "/x.txt"};
  const std::vector<SuppressionFile> files = SuppressionFilesOf(config, campaign);
  ASSERT_THAT(files, SizeIs(3));
  EXPECT_EQ(files[0].path, "/s/suppressed.txt");
  EXPECT_TRUE(files[0].may_be_absent);
  EXPECT_EQ(files[1].path, "/x.txt");
  EXPECT_FALSE(files[2].may_be_absent);
}

}  // namespace
}  // namespace engine
