// What the tests of the verdicts share: names of recipients, and of matchers.
#pragma once

#include <gmock/gmock.h>

#include "engine/base/time.h"

namespace sim {

using base::Duration;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;
using testing::StartsWith;

inline constexpr char kA[] = "a@one.example";
inline constexpr char kB[] = "b@one.example";
inline constexpr char kOther[] = "o@other.example";

}  // namespace sim
