#include "engine/suppression_watch.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/engine/troubled_disk.h"

namespace engine {
namespace {

using ::testing::ElementsAre;
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
    auto lists = watch.Poll(now_, log_);
    while (watch.IsReading()) {
      std::this_thread::yield();
      lists = watch.Poll(now_, log_);
    }
    return lists;
  }
  static absl::Status Add(SuppressionWatch& watch, const std::string& path, std::string_view lines) {
    const absl::StatusOr<io::Appended> appended = io::AppendLines(path, lines);
    if (appended.ok()) watch.NoteOwn(path, *appended);
    return appended.status();
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

TEST_F(SuppressionWatchTest, AListThatHasBecomeShorterIsBelievedWhenItStaysSo) {
  Write("stop.txt", "a@one.example\nb@one.example\nc@one.example\n");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  std::ofstream file(Path("stop.txt"));  // As a careless program writes: from the beginning, in pieces.
  for (const char* piece : {"a@one", ".example\n", "c@one.exa"}) {
    file << piece << std::flush;
    EXPECT_EQ(Poll(watch), nullptr) << piece;
  }
  file << "mple\n" << std::flush;
  EXPECT_EQ(Poll(watch), nullptr);
  const auto lists = Poll(watch);
  ASSERT_NE(lists, nullptr);
  EXPECT_TRUE(Has(*lists, "a@one.example"));
  EXPECT_FALSE(Has(*lists, "b@one.example"));
  EXPECT_TRUE(Has(*lists, "c@one.example"));
}

TEST_F(SuppressionWatchTest, AFileInThePlaceOfALongerOneIsBelievedAtOnce) {
  Write("stop.txt", "a@one.example\nb@one.example\n");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  Write("stop.txt", "c@one.example\n");  // Renamed over it: it is complete.
  const auto lists = Poll(watch);
  ASSERT_NE(lists, nullptr);
  EXPECT_TRUE(Has(*lists, "c@one.example"));
}

TEST_F(SuppressionWatchTest, BeforeTheFirstMessageNothingIsWaitedFor) {
  Write("stop.txt", "a@one.example\nb@one.example\n");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  std::ofstream(Path("stop.txt")) << "c@one.example\n";
  const auto lists = watch.PollAtOnce(log_);
  ASSERT_NE(lists, nullptr);
  EXPECT_TRUE(Has(*lists, "c@one.example"));
}

TEST_F(SuppressionWatchTest, WhatItAddsItselfDoesNotPutOffAListThatHasBecomeShorter) {
  Write("host.txt", "a@one.example\nb@one.example\n");
  Write("stop.txt", "");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  std::ofstream(Path("host.txt")) << "c@one.example\n";
  EXPECT_EQ(Poll(watch), nullptr);
  ASSERT_TRUE(Add(watch, Path("host.txt"), "d@e.example\n").ok());
  const auto lists = Poll(watch);
  ASSERT_NE(lists, nullptr);
  EXPECT_TRUE(Has(*lists, "c@one.example"));
  EXPECT_FALSE(Has(*lists, "b@one.example"));
}

TEST_F(SuppressionWatchTest, LooksEveryTwoSecondsOnly) {
  Write("stop.txt", "");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  EXPECT_EQ(Poll(watch), nullptr);
  Write("stop.txt", "a@example.com\n");
  EXPECT_EQ(watch.Poll(now_ + base::Duration::Milliseconds(1900), log_), nullptr);
  EXPECT_FALSE(watch.IsReading());
  EXPECT_NE(Poll(watch), nullptr);
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

TEST_F(SuppressionWatchTest, OfAFileThatStaysBrokenTheLastGoodAndTheLastReadingCount) {
  Write("stop.txt", "good@example.com\n");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  std::shared_ptr<const campaign::SuppressionLists> lists;
  for (int i = 0; i < 50; ++i) {
    Write("stop.txt", absl::StrFormat("user%d@example.com\nhalf a li", i));
    lists = Poll(watch);
    ASSERT_NE(lists, nullptr);
  }
  EXPECT_TRUE(Has(*lists, "good@example.com"));
  EXPECT_TRUE(Has(*lists, "user49@example.com"));
  EXPECT_FALSE(Has(*lists, "user48@example.com"));  // Else memory would grow with each reading.
}

TEST_F(SuppressionWatchTest, WhatCouldNotBeReadIsTriedAgain) {
  Write("stop.txt", "");
  TroubledDisk disk;
  SuppressionWatch watch(disk, {{Path("stop.txt"), false}});
  ASSERT_TRUE(watch.Load().ok());
  Write("stop.txt", "a@example.com\n");
  disk.fails = true;
  EXPECT_EQ(Poll(watch), nullptr);
  EXPECT_EQ(Poll(watch), nullptr);
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("too many open files")));  // Said once.
  disk.fails = false;
  const auto read = Poll(watch);
  ASSERT_NE(read, nullptr);
  EXPECT_TRUE(Has(*read, "a@example.com"));
  EXPECT_EQ(Poll(watch), nullptr);
}

// Who asks serves the operator, too.
TEST_F(SuppressionWatchTest, NobodyWaitsForTheDisk) {
  Write("stop.txt", "");
  TroubledDisk disk;
  SuppressionWatch watch(disk, {{Path("stop.txt"), false}});
  ASSERT_TRUE(watch.Load().ok());
  Write("stop.txt", "a@example.com\n");
  disk.Hold();
  for (int i = 0; i < 3; ++i) {
    now_ = now_ + base::Duration::Seconds(2);
    EXPECT_EQ(watch.Poll(now_, log_), nullptr);
  }
  EXPECT_TRUE(disk.LetGo());
  const auto read = Poll(watch);
  ASSERT_NE(read, nullptr);
  EXPECT_TRUE(Has(*read, "a@example.com"));
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
  ASSERT_TRUE(Add(watch, Path("host.txt"), "b@example.com\n").ok());
  EXPECT_EQ(Poll(watch), nullptr);
  EXPECT_EQ(*io::ReadFile(*disk_, Path("host.txt"), 1000), "a@example.com\nb@example.com\n");
  // What others have added meanwhile is.
  ASSERT_TRUE(io::AppendLines(Path("host.txt"), "c@example.com\n").ok());
  ASSERT_TRUE(Add(watch, Path("host.txt"), "d@example.com\n").ok());
  const auto changed = Poll(watch);
  ASSERT_NE(changed, nullptr);
  EXPECT_TRUE(Has(*changed, "c@example.com"));
}

// It is written on another thread: the look may come before anybody knows.
TEST_F(SuppressionWatchTest, WhatItIsAddingJustNowIsNotReadAgain) {
  Write("stop.txt", "");
  Write("host.txt", "a@example.com\n");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  const auto look = [&] {
    now_ = now_ + base::Duration::Seconds(2);
    EXPECT_EQ(watch.Poll(now_, log_), nullptr);
    return watch.IsReading();
  };
  for (int i = 0; i < 10; ++i) {  // Again and again.
    watch.ExpectOwn(Path("host.txt"));
    const auto appended = io::AppendLines(Path("host.txt"), absl::StrFormat("own%d@example.com\n", i));
    ASSERT_TRUE(appended.ok());
    EXPECT_FALSE(look());
    watch.NoteOwn(Path("host.txt"), *appended);
    EXPECT_FALSE(look());
  }
  // What others add beside it is, at the next look.
  watch.ExpectOwn(Path("host.txt"));
  ASSERT_TRUE(io::AppendLines(Path("host.txt"), "other@example.com\n").ok());
  const auto appended = io::AppendLines(Path("host.txt"), "own@example.com\n");
  EXPECT_FALSE(look());
  watch.NoteOwn(Path("host.txt"), *appended);
  watch.ExpectOwn(Path("host.txt"));
  const auto changed = Poll(watch);
  ASSERT_NE(changed, nullptr);
  EXPECT_TRUE(Has(*changed, "other@example.com"));
  // Nor is it put off for one that never comes to an end.
  ASSERT_TRUE(io::AppendLines(Path("host.txt"), "later@example.com\n").ok());
  EXPECT_FALSE(look());
  const auto later = Poll(watch);
  ASSERT_NE(later, nullptr);
  EXPECT_TRUE(Has(*later, "later@example.com"));
}

TEST_F(SuppressionWatchTest, AListThatItMakesIsNothingNew) {
  Write("stop.txt", "");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  ASSERT_TRUE(Add(watch, Path("host.txt"), "own@example.com\n").ok());
  EXPECT_EQ(Poll(watch), nullptr);
}

TEST_F(SuppressionWatchTest, WhatItAddsWhileItIsReadIsNotReadAgain) {
  Write("stop.txt", "");
  TroubledDisk disk;
  SuppressionWatch watch(disk, {{Path("stop.txt"), false}});
  ASSERT_TRUE(watch.Load().ok());
  ASSERT_TRUE(io::AppendLines(Path("stop.txt"), "other@example.com\n").ok());
  disk.Hold();
  now_ = now_ + base::Duration::Seconds(2);
  EXPECT_EQ(watch.Poll(now_, log_), nullptr);
  ASSERT_TRUE(watch.IsReading());
  disk.WaitUntilOneWaits();  // It has seen what the file is: in the middle of a write it may look like neither state.
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Add(watch, Path("stop.txt"), absl::StrFormat("own%d@example.com\n", i)).ok());
  EXPECT_TRUE(disk.LetGo());
  const auto read = Poll(watch);
  ASSERT_NE(read, nullptr);
  EXPECT_TRUE(Has(*read, "other@example.com"));
  now_ = now_ + base::Duration::Seconds(2);
  EXPECT_EQ(watch.Poll(now_, log_), nullptr);
  EXPECT_FALSE(watch.IsReading());
}

// Another program adds lines while this one does, over and over.
TEST_F(SuppressionWatchTest, WhatOthersAddBesideItIsRead) {
  Write("stop.txt", "");
  Write("host.txt", "");
  SuppressionWatch watch = Watch();
  ASSERT_TRUE(watch.Load().ok());
  constexpr int kTimes = 100;
  std::atomic<int> added = 0;
  std::thread other([&] {
    for (int i = 0; i < kTimes; ++i) {
      EXPECT_TRUE(io::AppendLines(Path("host.txt"), absl::StrFormat("other%d@example.com\n", i)).ok());
      added = i + 1;
    }
  });
  std::shared_ptr<const campaign::SuppressionLists> lists = watch.lists();
  for (int i = 0; added < kTimes; ++i) {
    EXPECT_TRUE(Add(watch, Path("host.txt"), absl::StrFormat("own%d@example.com\n", i)).ok());
    const int before = added;
    EXPECT_TRUE(Add(watch, Path("host.txt"), absl::StrFormat("own%d.too@example.com\n", i)).ok());
    if (const auto changed = Poll(watch)) lists = changed;
    if (before > 0) {
      EXPECT_TRUE(Has(*lists, absl::StrFormat("other%d@example.com", before - 1)));
    }
  }
  other.join();
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
