// What a preparation takes in memory: as much for many recipients as for some.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/unit/roster/preparation.h"
#include "tests/unit/sanitized.h"

namespace roster {
namespace {

using testing::Preparing;

// The most memory in kB that a process of its own has at one time while it prepares so many rows; 0: it failed.
long PeakOf(int rows) {
  Preparing preparing;
  preparing.arena_bytes = 2u << 20;
  {
    std::ofstream file(preparing.folder.Path("many.csv"));
    file << "email,name\n";
    for (int i = 0; i < rows; ++i)
      file << "user" << i << "@domain" << i % 1000 << ".example," << std::string(100, 'n') << "\n";
  }
  preparing.campaign.recipients.file = preparing.folder.Path("many.csv");
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status status = preparing.Run();
    _exit(status.ok() ? 0 : 1);
  }
  int result = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &result, 0, &usage) != child) return 0;
  return WIFEXITED(result) && WEXITSTATUS(result) == 0 ? usage.ru_maxrss : 0;
}

TEST(Prepare, TenTimesTheRowsTakeNoMoreMemory) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep what was freed";
  const long some = PeakOf(30'000), many = PeakOf(300'000);
  ASSERT_GT(some, 0);
  ASSERT_GT(many, 0);
  EXPECT_LT(many, some + 8 * 1024);  // The rows alone are 40 MB more.
}

}  // namespace
}  // namespace roster
