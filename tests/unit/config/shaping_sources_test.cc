// Keys of ours: warm-ups of sources, and how messages follow each other on a connection.
#include <string>
#include <utility>
#include <vector>

#include "engine/config/shaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<Shaping> Read(const std::string& text) {
  std::vector<std::string> warnings;
  absl::StatusOr<Shaping> shaping = Shaping::Parse({{{"shaping.toml", text}}}, warnings);
  EXPECT_THAT(warnings, IsEmpty());
  return shaping;
}

Limits LimitsOf(const Shaping& shaping, const std::string& source) {
  return shaping.For("example.com", std::vector<MailHost>{"mx.p.example"}, source);
}

TEST(ShapingOfSources, AWarmUpIsOfASourceAtAProvider) {
  const auto shaping = Read(R"([provider."p"]
match = [{MXSuffix = ".p.example"}]
[provider."p".sources."new"]
warmup = [50, 100, 500]
overflow = "warm"
["default".sources."other"]
warmup = [7]
["example.com".sources."other"]
warmup = []
)");
  ASSERT_TRUE(shaping.ok()) << shaping.status();
  EXPECT_THAT(LimitsOf(*shaping, "new").warmup, ElementsAre(50, 100, 500));
  EXPECT_EQ(LimitsOf(*shaping, "new").overflow, Overflow::kWarm);
  EXPECT_THAT(LimitsOf(*shaping, "old").warmup, IsEmpty());
  EXPECT_EQ(LimitsOf(*shaping, "old").overflow, Overflow::kWait);
  EXPECT_THAT(LimitsOf(*shaping, "other").warmup, IsEmpty());
  EXPECT_THAT(shaping->For("x.example", std::vector<MailHost>{"mx.x.example"}, "other").warmup, ElementsAre(7));
  for (const Shaping::Setting& setting :
       shaping->Explain("example.com", std::vector<MailHost>{"mx.p.example"}, "new")) {
    if (setting.key != "warmup") continue;
    EXPECT_EQ(setting.value, "[ 50, 100, 500 ]");
    EXPECT_EQ(setting.place, "shaping.toml:4");
  }
}

TEST(ShapingOfSources, WhatAConnectionCarries) {
  const auto shaping = Read("[\"default\"]\nidle_probe = \"12s\"\nmax_in_flight = 7\n");
  ASSERT_TRUE(shaping.ok()) << shaping.status();
  EXPECT_EQ(LimitsOf(*shaping, "s").idle_probe, base::Duration::Seconds(12));
  EXPECT_EQ(LimitsOf(*shaping, "s").max_in_flight, 7u);
  EXPECT_EQ(Limits().idle_probe, base::Duration::Seconds(1));
  EXPECT_EQ(Limits().max_in_flight, 1u);
}

TEST(ShapingOfSources, WrongValuesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"idle_probe = \"25h\"", "out of range"},
      {"warmup = 50", "is not a list"},
      {"warmup = [50, 0]", "each must be from 1 to"},
      {"warmup = [50, \"100\"]", "each must be from 1 to"},
      {"overflow = \"cold\"", "it must be \"wait\" or \"warm\""},
      {"max_in_flight = 0", "from 1 to 100"},
      {"max_in_flight = 101", "from 1 to 100"},
  };
  for (const auto& [line, problem] : cases) {
    const auto shaping = Read(std::string("[\"x.example\"]\n") + line);
    ASSERT_FALSE(shaping.ok()) << line;
    EXPECT_THAT(std::string(shaping.status().message()), HasSubstr(problem)) << line;
  }
}

}  // namespace
}  // namespace config
