#include "engine/run_watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/campaign.h"
#include "tests/sim/crash_disk.h"

namespace engine {
namespace {

// Another program writes to the list for long. Whoever says what was learned serves the operator, too.
TEST(LearnedAddresses, NobodyWaitsForOtherProgramsThatAddToTheList) {
  const std::string path = testing::TempDir() + absl::StrFormat("/learned.%d", ::getpid());
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  sim::CrashDisk campaign_disk;
  const sim::Campaign campaign(campaign_disk, "/state", {.addresses = {"a@one.example", "b@one.example"}});
  const delivery::Job job = campaign.MakeJob();
  SuppressionWatch suppression(*disk, {{path, true}});
  const int other = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(other, 0);
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  ASSERT_EQ(fcntl(other, F_OFD_SETLK, &lock), 0);
  std::promise<void> returned;
  // Ten seconds at most: a test ends that waits, too.
  std::future<bool> in_time = std::async(std::launch::async, [&returned, other] {
    const bool is_in_time = returned.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    close(other);
    return is_in_time;
  });

  LearnedAddresses learned;
  for (const ledger::RecipientId id : {ledger::RecipientId{0}, ledger::RecipientId{1}}) {
    learned.Add(id);
    EXPECT_FALSE(learned.Write(*job.roster, path, suppression).has_value());
  }
  returned.set_value();
  EXPECT_TRUE(in_time.get());
  EXPECT_TRUE(learned.Finish(*job.roster, path, suppression)->ok());
  EXPECT_EQ(*io::ReadFile(*disk, path, 1000), "a@one.example\nb@one.example\n");
  ASSERT_TRUE(disk->Remove(path).ok());
}

struct KeptLog final : base::Log {
  void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};
struct NoWatcher final : Engine::Watcher {
  int Stops() override { return 0; }
  void OnProgress(const delivery::Counters&, std::uint32_t) override {}
};

TEST(RunWatcher, SaysAgainThatTheListCannotBeWrittenWhenItCouldMeanwhile) {
  const std::string folder = testing::TempDir() + absl::StrFormat("/learned_again.%d", ::getpid());
  const std::string path = folder + "/list";
  std::filesystem::remove_all(folder);
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  sim::CrashDisk campaign_disk;
  const sim::Campaign campaign(campaign_disk, "/state", {.addresses = {"a@one.example", "b@one.example"}});
  const delivery::Job job = campaign.MakeJob();
  SuppressionWatch suppression(*disk, {{path, true}});
  KeptLog log;
  NoWatcher nobody;
  LearnedAddresses learned;
  RunWatcher watcher(nobody, learned,
                     {.suppression = suppression, .roster = *job.roster, .host_list = path, .log = log});
  const auto until = [&](const std::function<bool()>& condition) {
    const base::Instant end = io::SystemClock().Now() + base::Duration::Seconds(30);
    while (!condition() && io::SystemClock().Now() < end) watcher.OnProgress({}, 0);
    EXPECT_TRUE(condition());
    for (int i = 0; i < 100; ++i) watcher.OnProgress({}, 0);
  };
  learned.Add(0);
  until([&] { return log.lines.size() == 1; });
  EXPECT_EQ(log.lines.size(), 1u) << "it is tried again all the time, and said once";
  std::filesystem::create_directories(folder);
  until([&] { return std::filesystem::exists(path) && std::filesystem::file_size(path) > 0; });
  watcher.Finish();
  std::filesystem::remove_all(folder);
  learned.Add(1);
  until([&] { return log.lines.size() == 2; });
  std::filesystem::create_directories(folder);
  watcher.Finish();
  EXPECT_EQ(*io::ReadFile(*disk, path, 1000), "b@one.example\n");
  EXPECT_EQ(log.lines.size(), 2u);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace engine
