// Shaping files, read as those of a configuration.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/config/shaping.h"

namespace config {

class ReadShaping : public testing::Test {
 protected:
  // Files "a", "b", …, in order.
  Shaping Read(const std::vector<std::string>& texts) {
    std::vector<Shaping::File> files;
    for (const std::string& text : texts)
      files.push_back({std::string(1, static_cast<char>('a' + files.size())), text});
    warnings_.clear();
    auto shaping = Shaping::Parse(files, warnings_);
    EXPECT_TRUE(shaping.ok()) << shaping.status();
    return shaping.ok() ? *shaping : Shaping();
  }
  std::vector<std::string> warnings_;  // Of the last ones.
};

}  // namespace config
