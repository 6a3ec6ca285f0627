// Whether the ledger and a receiver agree on what became of a scenario's recipients.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "tests/sim/scenario.h"

namespace sim {

// How often the receiver took a message for it.
inline std::uint64_t Accepted(const Receiver& receiver, const std::string& address) {
  return static_cast<std::uint64_t>(std::count(receiver.accepted().begin(), receiver.accepted().end(), address));
}

// Of Many(many), each whose state is not in doubt was taken once where it is delivered, and else never.
inline void CheckEverybody(const Scenario& scenario, const Receiver& receiver, int many) {
  for (const std::string& address : Many(many)) {
    const std::string last = scenario.Last(address);
    if (last.starts_with("in doubt")) {
      EXPECT_LE(Accepted(receiver, address), 1u) << address;
    } else {
      EXPECT_EQ(Accepted(receiver, address), last.starts_with("delivered") ? 1u : 0u) << address << ": " << last;
    }
  }
}

}  // namespace sim
