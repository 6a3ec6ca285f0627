// What a message's author would want to know before it is sent, and that no rule of the format forbids. Looks at the
// texts and files only; what depends on rows is engine/campaign_check.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/message/spec.h"

namespace message {

struct Finding {
  std::string check;   // Its name, such as "no_text".
  bool fails = false;  // It refuses the campaign; else it is a warning.
  std::string file;
  std::uint64_t line = 1;
  std::string what;
};

// Requires: the spec compiles.
std::vector<Finding> LintMessage(const MessageSpec& spec);

}  // namespace message
