#include "engine/run_watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

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
    EXPECT_TRUE(learned.Write(*job.roster, path, suppression).ok());
  }
  returned.set_value();
  EXPECT_TRUE(in_time.get());
  EXPECT_TRUE(learned.Finish(*job.roster, path, suppression).ok());
  EXPECT_EQ(*io::ReadFile(*disk, path, 1000), "a@one.example\nb@one.example\n");
  ASSERT_TRUE(disk->Remove(path).ok());
}

}  // namespace
}  // namespace engine
