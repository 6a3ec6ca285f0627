#include "engine/tls_sessions_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "engine/host_tls.h"

namespace engine {
namespace {

const base::WallTime kMuchLater = base::WallTime::FromSeconds(9'000'000'000);

class NoLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view) override {}
};

class TlsSessionsFileTest : public testing::Test {
 protected:
  TlsSessionsFileTest() { std::filesystem::create_directories(folder_ + "/campaign"); }
  ~TlsSessionsFileTest() override { std::filesystem::remove_all(folder_); }

  std::size_t Kept() { return TlsSessionsFile(*disk_, folder_).sessions().size(); }
  bool IsThere() const { return std::filesystem::exists(folder_ + "/tls-sessions.cache"); }

  const std::string folder_ = testing::TempDir() + "/tls_sessions_" + std::to_string(::getpid());
  const std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
  NoLog log_;
};

TEST_F(TlsSessionsFileTest, OfSeveralCampaignsEachLeavesItsSessions) {
  {
    TlsSessionsFile before(*disk_, folder_);
    before.sessions().Give("before", {"x", kMuchLater});
  }
  {
    TlsSessionsFile file(*disk_, folder_);
    HostTls second(*disk_, folder_, folder_ + "/campaign", "", &file, log_);
    {
      HostTls first(*disk_, folder_, folder_ + "/campaign", "", &file, log_);
      first.sessions().Give("first", {"x", kMuchLater});
    }
    EXPECT_EQ(second.sessions().Take("before").size(), 1u);
    second.sessions().Give("second", {"x", kMuchLater});
  }
  EXPECT_EQ(Kept(), 2u);
}

TEST_F(TlsSessionsFileTest, ASessionIsTakenOnceAndWhatAnotherProgramLeavesStays) {
  {
    TlsSessionsFile file(*disk_, folder_);
    file.sessions().Give("one", {"x", kMuchLater});
  }
  EXPECT_TRUE(IsThere());
  {
    TlsSessionsFile file(*disk_, folder_);
    EXPECT_FALSE(IsThere());
    TlsSessionsFile(*disk_, folder_).sessions().Give("another", {"x", kMuchLater});
    EXPECT_TRUE(IsThere());
  }
  EXPECT_EQ(Kept(), 2u);
}

}  // namespace
}  // namespace engine
