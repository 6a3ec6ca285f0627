// The built-in text rules: receivers' real words, and what they mean. Part of reply_policy.
#pragma once

#include <cstdint>

#include "engine/base/time.h"
#include "engine/smtp/classification.h"
#include "engine/smtp/reply.h"

namespace smtp {

struct TextRule {
  std::string_view words;  // Lower case; anywhere in the text.
  int first_digit = 0;     // 4 or 5; 0: either.
  Classification classification = Classification::kUnclassified;
  bool only_recipient = false;  // Says nothing about the site, whatever its class.
  bool session_limit = false;   // A stated limit of this connection: costs nothing.
  base::Duration suspend;       // Zero: none is stated.
  EnhancedCode enhanced = {};   // None: whatever the code is.
};

// The first rule that fits; null: none.
const TextRule* FindTextRule(const Reply& reply);

}  // namespace smtp
