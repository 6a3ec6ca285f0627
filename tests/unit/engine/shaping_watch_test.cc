#include "engine/shaping_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace engine {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Lines final : public base::Log {
 public:
  void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class ShapingWatchTest : public testing::Test {
 protected:
  ~ShapingWatchTest() override { std::filesystem::remove(path_); }
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  std::shared_ptr<const config::Shaping> Poll() {
    now_ = now_ + base::Duration::Seconds(2);
    return watch_.Poll(now_, log_);
  }
  const std::string path_ = testing::TempDir() + "/shaping_watch_test.toml";
  static config::Config With(std::vector<std::string> files) {
    config::Config config;
    config.shaping_files = std::move(files);
    return config;
  }
  ShapingWatch watch_{With({path_})};
  base::Instant now_;
  Lines log_;
};

TEST_F(ShapingWatchTest, ReadsAFileThatHasChangedAndStaysSo) {
  Write("[\"default\"]\nconnection_limit = 3\n");
  ASSERT_NE(Poll(), nullptr);  // Whoever loaded it may have seen another one.
  EXPECT_EQ(Poll(), nullptr);
  Write("");
  EXPECT_EQ(Poll(), nullptr);
  Write("[\"default\"]\nconnection_limit = 4\n");
  EXPECT_EQ(Poll(), nullptr);
  const auto changed = Poll();
  ASSERT_NE(changed, nullptr);
  EXPECT_EQ(changed->For("x.org", {}, "s").connection_limit, 4u);
  EXPECT_EQ(Poll(), nullptr);
  EXPECT_THAT(log_.lines, SizeIs(1));
}

TEST_F(ShapingWatchTest, AFileThatIsWrongChangesNothingAndIsNamedOnce) {
  Write("");
  ASSERT_NE(Poll(), nullptr);
  Write("[\"default\"]\nconnection_limt = 3\n");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Poll(), nullptr);
  ASSERT_THAT(log_.lines, SizeIs(1));
  EXPECT_THAT(log_.lines[0], HasSubstr("connection_limt"));
}

TEST_F(ShapingWatchTest, WithoutFilesThereIsNothingToSee) {
  ShapingWatch none(With({}));
  EXPECT_EQ(none.Poll(now_ + base::Duration::Hours(1), log_), nullptr);
  EXPECT_THAT(log_.lines, IsEmpty());
}

}  // namespace
}  // namespace engine
