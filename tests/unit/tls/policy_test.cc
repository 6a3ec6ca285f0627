#include "tls/policy.h"

#include <gtest/gtest.h>

namespace tls {
namespace {

using Use = Policy::Use;
using Verification = Policy::Verification;

TEST(TlsPolicy, TheStricterOneSatisfiesBoth) {
  EXPECT_EQ(Stricter({Use::kNever, Verification::kNone}, {Use::kAlways, Verification::kNone}),
            (Policy{Use::kAlways, Verification::kNone}));
  EXPECT_EQ(Stricter({Use::kWhereOffered, Verification::kNameAndChain}, {Use::kAlways, Verification::kNone}),
            (Policy{Use::kAlways, Verification::kNameAndChain}));
  EXPECT_EQ(Stricter({}, {}), Policy());
}

TEST(TlsPolicy, OnlyTheWeakestFallsBackToClear) {
  EXPECT_TRUE(Policy().MayFallBackToClear());
  EXPECT_FALSE((Policy{Use::kWhereOffered, Verification::kNameAndChain}.MayFallBackToClear()));
  EXPECT_FALSE((Policy{Use::kAlways, Verification::kNone}.MayFallBackToClear()));
}

}  // namespace
}  // namespace tls
