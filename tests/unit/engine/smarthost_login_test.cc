#include "engine/smarthost_login.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

namespace engine {
namespace {

class Warnings final : public base::Log {
 public:
  void Write(base::Severity, std::string_view text) override { said += std::string(text) + "\n"; }
  std::string said;
};

class SmarthostLoginTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.host = "smtp.example.net";
    config_.username = "user";
    config_.secret_file = ::testing::TempDir() + "/smarthost." + std::to_string(::getpid());
    std::filesystem::remove(config_.secret_file);
  }
  void TearDown() override { std::filesystem::remove(config_.secret_file); }

  void WriteSecret(std::string_view text) {
    std::ofstream(config_.secret_file, std::ios::binary) << text;
    std::filesystem::permissions(config_.secret_file, std::filesystem::perms{0600});
  }
  std::unique_ptr<SmarthostLogin> Load() {
    auto login = SmarthostLogin::Load(*disk_, config_, log_);
    EXPECT_TRUE(login.ok()) << login.status();
    return login.ok() ? *std::move(login) : nullptr;
  }
  std::string Problem() {
    const auto login = SmarthostLogin::Load(*disk_, config_, log_);
    EXPECT_TRUE(login.ok() || absl::IsInvalidArgument(login.status()));
    return login.ok() ? "none" : std::string(login.status().message());
  }

  config::SmarthostConfig config_;
  std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
  Warnings log_;
};

TEST_F(SmarthostLoginTest, TakesThePasswordWithoutTheLineEnd) {
  for (const std::string_view text : {"pencil", "pencil\n", "pencil\r\n"}) {
    WriteSecret(text);
    EXPECT_EQ(Load()->smarthost().account->secret(), "pencil");
  }
  WriteSecret(" two words \n");
  EXPECT_EQ(Load()->smarthost().account->secret(), " two words ");
  EXPECT_EQ(log_.said, "");
}

TEST_F(SmarthostLoginTest, CarriesWhatTheConfigurationSays) {
  WriteSecret("pencil\n");
  config_.tls = config::SmarthostConfig::Tls::kImplicit;
  config_.verify_certificate = false;
  config_.mechanism = "PLAIN";
  const auto login = Load();
  const delivery::Smarthost smarthost = login->smarthost();
  EXPECT_EQ(smarthost.host, "smtp.example.net");
  EXPECT_TRUE(smarthost.implicit_tls);
  EXPECT_FALSE(smarthost.verify_certificate);
  EXPECT_EQ(smarthost.account->username, "user");
  EXPECT_EQ(smarthost.account->mechanism, smtp::SaslMechanism::kPlain);
  EXPECT_FALSE(smarthost.account->secret_is_token);
  EXPECT_NE(smarthost.account->nonce(), smarthost.account->nonce());
}

TEST_F(SmarthostLoginTest, NeedsNoFileWithoutAUserName) {
  config_.username.clear();
  EXPECT_FALSE(Load()->smarthost().account.has_value());
}

TEST_F(SmarthostLoginTest, NamesTheFileThatIsNoPassword) {
  EXPECT_EQ(Problem().substr(0, config_.secret_file.size()), config_.secret_file);
  for (const std::string_view text : {"", "\n", "two\nlines\n", "\xFF\xFE"}) {
    WriteSecret(text);
    EXPECT_EQ(Problem().substr(0, config_.secret_file.size() + 2), config_.secret_file + ": ") << text;
  }
}

TEST_F(SmarthostLoginTest, WarnsOfAFileThatEverybodyCanRead) {
  WriteSecret("pencil\n");
  std::filesystem::permissions(config_.secret_file, std::filesystem::perms{0644});
  Load();
  EXPECT_EQ(log_.said, config_.secret_file + ": everybody on this machine can read it; chmod 600\n");
}

TEST_F(SmarthostLoginTest, TakesUpATokenThatIsRenewed) {
  WriteSecret("first\n");
  config_.secret_is_token = true;
  const auto login = Load();
  const delivery::Smarthost smarthost = login->smarthost();
  EXPECT_TRUE(smarthost.account->secret_is_token);
  WriteSecret("sec");  // Half of it.
  login->Refresh();
  EXPECT_EQ(smarthost.account->secret(), "first");
  WriteSecret("second\n");
  login->Refresh();
  EXPECT_EQ(smarthost.account->secret(), "first");
  login->Refresh();
  EXPECT_EQ(smarthost.account->secret(), "second");
  WriteSecret("");  // Whoever renews it has just emptied the file.
  login->Refresh();
  EXPECT_EQ(smarthost.account->secret(), "second");
  std::filesystem::remove(config_.secret_file);
  login->Refresh();
  EXPECT_EQ(smarthost.account->secret(), "second");
}

}  // namespace
}  // namespace engine
