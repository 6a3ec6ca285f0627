#include "engine/config/address_set.h"

#include "gtest/gtest.h"

namespace config {
namespace {

TEST(AddressSet, HasTheAddressesOfItsRanges) {
  AddressSet set;
  EXPECT_FALSE(set.Contains(*base::IpAddress::Parse("192.0.2.1")));
  EXPECT_TRUE(set.Add("192.0.2.64/26"));
  EXPECT_TRUE(set.Add("2001:db8::/33"));
  EXPECT_TRUE(set.Add("203.0.113.9"));
  const auto contains = [&set](const char* text) { return set.Contains(*base::IpAddress::Parse(text)); };
  EXPECT_TRUE(contains("192.0.2.64"));
  EXPECT_TRUE(contains("192.0.2.127"));
  EXPECT_FALSE(contains("192.0.2.63"));
  EXPECT_FALSE(contains("192.0.2.128"));
  EXPECT_TRUE(contains("2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8:8000::1"));
  EXPECT_TRUE(contains("203.0.113.9"));
  EXPECT_FALSE(contains("203.0.113.8"));
  EXPECT_TRUE(set.Add("0.0.0.0/0"));
  EXPECT_TRUE(contains("8.8.8.8"));
  EXPECT_FALSE(contains("2a00::1"));
}

TEST(AddressSet, TakesNothingElse) {
  AddressSet set;
  for (const char* bad :
       {"", "x", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "/8", "192.0.2/24", "::/129", "mx.example"}) {
    EXPECT_FALSE(set.Add(bad)) << bad;
  }
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace config
