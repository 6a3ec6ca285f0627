// A small campaign file, and a folder to load it from with changes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "engine/campaign/campaign.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/scratch_folder.h"

namespace campaign::testing {

inline constexpr std::string_view kBasic = R"(format = 1
id = "weekly-48"
kind = "transactional"
[from]
address = "news@example.com"
[message]
subject = "Hello"
text = "Hello.\n"
[recipients]
file = "rows.csv"
[delivery]
dkim = "optional"
)";

// Loads campaign files in a folder of its own.
class LoaderTest : public ::testing::Test {
 protected:
  Campaign Good(std::string_view text, std::string_view name = "c.toml") {
    absl::StatusOr<Campaign> campaign = LoadCampaign(folder.Write(name, text));
    EXPECT_TRUE(campaign.ok()) << campaign.status();
    return campaign.ok() ? *std::move(campaign) : Campaign();
  }
  // The error, with file names as if the folder were the current one.
  std::string Problem(std::string_view text, std::string_view name = "c.toml") {
    const absl::StatusOr<Campaign> campaign = LoadCampaign(folder.Write(name, text));
    EXPECT_EQ(campaign.status().code(), absl::StatusCode::kInvalidArgument) << text;
    return Replaced(std::string(campaign.status().message()), folder.path() + "/", "");
  }
  static std::string Replaced(std::string text, std::string_view from, std::string_view to) {
    std::size_t found = 0;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
      ++found;
    }
    return text;
  }
  // The basic campaign with one line in the place of another.
  static std::string With(std::string_view line, std::string_view instead) {
    EXPECT_NE(kBasic.find(line), std::string_view::npos) << line;
    return Replaced(std::string(kBasic), line, instead);
  }

  ScratchFolder folder;
};

}  // namespace campaign::testing
