#include <string>
#include <string_view>

#include "engine/config/config.h"
#include "gtest/gtest.h"

namespace config {
namespace {

SmarthostConfig Good(std::string_view keys) {
  const auto config = ParseConfig("[smarthost]\n" + std::string(keys), "/etc/sluice/sluice.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() && config->smarthost.has_value() ? *config->smarthost : SmarthostConfig();
}

std::string Problem(std::string_view keys) {
  const auto config = ParseConfig("[smarthost]\n" + std::string(keys), "sluice.toml");
  return config.ok() ? "none" : std::string(config.status().message());
}

TEST(SmarthostConfig, IsNoneWithoutTheTable) {
  const auto config = ParseConfig("[smtp]\nport = 25\n", "sluice.toml");
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->smarthost.has_value());
}

TEST(SmarthostConfig, NeedsOnlyAHost) {
  const SmarthostConfig smarthost = Good("host = \"SMTP.Example.Net.\"\n");
  EXPECT_EQ(smarthost.host, "smtp.example.net");
  EXPECT_EQ(smarthost.port, 587);
  EXPECT_EQ(smarthost.tls, SmarthostConfig::Tls::kStartTls);
  EXPECT_TRUE(smarthost.verify_certificate);
  EXPECT_EQ(smarthost.username, "");
}

TEST(SmarthostConfig, EveryKeyIsRead) {
  const SmarthostConfig smarthost = Good(R"(host = "relay.example.net"
port = 4650
tls = "implicit"
verify_certificate = false
username = "user@example.net"
password_file = "secrets/smtp"
mechanism = "plain"
)");
  EXPECT_EQ(smarthost.port, 4650);
  EXPECT_EQ(smarthost.tls, SmarthostConfig::Tls::kImplicit);
  EXPECT_FALSE(smarthost.verify_certificate);
  EXPECT_EQ(smarthost.username, "user@example.net");
  EXPECT_EQ(smarthost.secret_file, "/etc/sluice/secrets/smtp");
  EXPECT_FALSE(smarthost.secret_is_token);
  EXPECT_EQ(smarthost.mechanism, "PLAIN");
}

TEST(SmarthostConfig, ImplicitTlsHasItsOwnPort) {
  EXPECT_EQ(Good("host = \"a.example\"\ntls = \"implicit\"\n").port, 465);
  EXPECT_EQ(Good("host = \"a.example\"\ntls = \"starttls\"\n").port, 587);
}

TEST(SmarthostConfig, ATokenHasAFileOfItsOwn) {
  const SmarthostConfig smarthost = Good("host = \"a.example\"\nusername = \"u\"\ntoken_file = \"/run/token\"\n");
  EXPECT_TRUE(smarthost.secret_is_token);
  EXPECT_EQ(smarthost.secret_file, "/run/token");
}

TEST(SmarthostConfig, SaysWhereAndWhatIsWrong) {
  EXPECT_EQ(Problem("port = 25\n"), "sluice.toml:1: smarthost has no host; name the server that takes the mail");
  EXPECT_EQ(Problem("host = \"192.0.2.1\"\n"),
            "sluice.toml:2: smarthost.host is \"192.0.2.1\"; it must be the name that its certificate has, as "
            "\"smtp.example.net\"");
  EXPECT_EQ(Problem("host = \"a.example\"\ntls = \"none\"\n"),
            "sluice.toml:3: smarthost.tls is \"none\"; it must be \"starttls\" or \"implicit\"");
  EXPECT_EQ(Problem("host = \"a.example\"\nusername = \"u\"\n"),
            "sluice.toml:3: smarthost.username needs a password; name the file that has it: password_file = \"…\"");
  EXPECT_EQ(Problem("host = \"a.example\"\npassword_file = \"f\"\n"),
            "sluice.toml:3: smarthost.password_file needs a username");
  EXPECT_EQ(Problem("host = \"a.example\"\nusername = \"u\"\npassword_file = \"f\"\ntoken_file = \"g\"\n"),
            "sluice.toml:5: smarthost.token_file excludes password_file; use one of the two");
  EXPECT_EQ(Problem("host = \"a.example\"\nusername = \"u\"\npassword_file = \"f\"\nmechanism = \"CRAM-MD5\"\n"),
            "sluice.toml:5: smarthost.mechanism is \"CRAM-MD5\"; it must be \"SCRAM-SHA-256\", \"PLAIN\" or \"LOGIN\"");
  EXPECT_EQ(Problem("host = \"a.example\"\nusername = \"u\"\ntoken_file = \"f\"\nmechanism = \"PLAIN\"\n"),
            "sluice.toml:5: smarthost.mechanism is not for tokens, which go by XOAUTH2; leave it out");
  // Never the password itself.
  EXPECT_NE(Problem("host = \"a.example\"\npassword = \"secret\"\n").find("did you mean"), std::string::npos);
}

}  // namespace
}  // namespace config
