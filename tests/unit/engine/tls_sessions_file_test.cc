#include "engine/tls_sessions_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "engine/host_tls.h"
#include "engine/io/clock.h"

namespace engine {
namespace {

// A file is believed where a session lasts a week at most (RFC 8446 section 4.6.1).
const base::WallTime kLater = io::SystemClock().WallNow() + base::Duration::Hours(24);

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
    before.sessions().Give("before", {"x", kLater});
  }
  {
    TlsSessionsFile file(*disk_, folder_);
    HostTls second(*disk_, folder_, folder_ + "/campaign", "", &file, log_);
    {
      HostTls first(*disk_, folder_, folder_ + "/campaign", "", &file, log_);
      first.sessions().Give("first", {"x", kLater});
    }
    EXPECT_EQ(second.sessions().Take("before").size(), 1u);
    second.sessions().Give("second", {"x", kLater});
  }
  EXPECT_EQ(Kept(), 2u);
}

TEST_F(TlsSessionsFileTest, ASessionIsTakenOnceAndWhatAnotherProgramLeavesStays) {
  {
    TlsSessionsFile file(*disk_, folder_);
    file.sessions().Give("one", {"x", kLater});
  }
  EXPECT_TRUE(IsThere());
  {
    TlsSessionsFile file(*disk_, folder_);
    EXPECT_FALSE(IsThere());
    TlsSessionsFile(*disk_, folder_).sessions().Give("another", {"x", kLater});
    EXPECT_TRUE(IsThere());
  }
  EXPECT_EQ(Kept(), 2u);
}

}  // namespace
}  // namespace engine
