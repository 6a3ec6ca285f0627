// What `config explain` tells of shaping files.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/config/shaping.h"
#include "gtest/gtest.h"
#include "tests/unit/config/read_shaping.h"

namespace config {
namespace {

using Hosts = std::vector<MailHost>;

class ShapingExplain : public ReadShaping {};

std::string Told(const std::vector<Shaping::Setting>& settings, std::string_view key) {
  for (const Shaping::Setting& setting : settings) {
    if (setting.key == key) return setting.value + " " + setting.place;
  }
  return "";
}

TEST_F(ShapingExplain, EachSettingSaysWhereItComesFrom) {
  const Shaping shaping =
      Read({"[\"default\"]\nmax_message_rate = \"100/s\"\nidle_timeout = \"7s\"\n",
            "[\"x.org\"]\nmx_rollup = false\nconnection_limit = 3\n[\"x.org\".sources.ip-1]\nconnection_limit = 2\n"});
  const Hosts hosts = {"mx.x.org"};
  EXPECT_EQ(Told(shaping.Explain("x.org", hosts, "ip-1"), "connection_limit"), "2 b:5");
  EXPECT_EQ(Told(shaping.Explain("x.org", hosts, "ip-2"), "connection_limit"), "3 b:3");
  EXPECT_EQ(Told(shaping.Explain("x.org", hosts, "ip-2"), "max_message_rate"), "\"100/s\" a:2");
  EXPECT_EQ(Told(shaping.Explain("y.org", hosts, "ip-2"), "connection_limit"), "10 built-in:2");
  EXPECT_EQ(Told(shaping.Explain("gmail.com", Hosts{"a.google.com"}, "s"), "provider_connection_limit").substr(0, 11),
            "5 built-in:");
  const Shaping again =
      Read({"[\"default\"]\nidle_timeout = \"7s\"", "[\"x.org\"]\nmx_rollup = false\nreplace_base = true\n"});
  EXPECT_EQ(Told(again.Explain("x.org", hosts, "s"), "idle_timeout").substr(0, 14), "\"60s\" built-in");
}

TEST_F(ShapingExplain, OfLimitsWithOneNameThatHoldTogetherEachIsTold) {
  const Shaping shaping = Read({R"(["default"]
total_message_rate = "10/s"
[provider."q"]
match=[{MXSuffix=".example"}]
provider_connection_limit = 9
total_connection_limit = 90
idle_timeout = "8s"
[provider."p"]
match=[{MXSuffix=".p.example"}]
provider_connection_limit = 5
total_message_rate = "50/s"
[provider."q".sources."s"]
provider_max_message_rate = "2/s"
)"});
  const auto told = [&](std::string_view key) {
    return Told(shaping.Explain("x.org", Hosts{"mx.p.example"}, "s"), key);
  };
  EXPECT_EQ(told("total_message_rate"), "\"10/s\" a:2");
  EXPECT_EQ(told("total_message_rate (provider p)"), "\"50/s\" a:11");
  EXPECT_EQ(told("provider_connection_limit"), "5 a:10");
  EXPECT_EQ(told("provider_connection_limit (provider q)"), "9 a:5");
  EXPECT_EQ(told("total_connection_limit (provider q)"), "90 a:6");
  EXPECT_EQ(told("provider_max_message_rate (provider q)"), "\"2/s\" a:13");
  EXPECT_EQ(told("idle_timeout"), "\"8s\" a:7");
  EXPECT_EQ(told("idle_timeout (provider q)"), "") << "it is the site's own";
  EXPECT_EQ(told("total_connection_limit"), "") << "each site has none";
  const std::pair<const char*, const char*> defaults[] = {
      {"adaptive", "true"}, {"overflow", "\"wait\""}, {"max_mx_addresses_per_host", "10"}, {"max_mx_plan_size", "50"}};
  for (const auto& [key, value] : defaults) EXPECT_EQ(told(key).find(std::string(value) + " built-in:"), 0u) << key;
}

}  // namespace
}  // namespace config
