#include "engine/base/ip_address.h"

#include <gtest/gtest.h>

#include <string>

namespace base {
namespace {

TEST(IpAddress, IsReadAndRendered) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1"}) {
    const auto address = IpAddress::Parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(IpAddress::Parse("2001:DB8:0:0:0:0:0:1")->ToString(), "2001:db8::1");
  EXPECT_EQ(IpAddress::V4(0xC0000201).ToString(), "192.0.2.1");
  EXPECT_EQ(IpAddress::Parse("192.0.2.1")->bytes(), std::string("\xC0\x00\x02\x01", 4));
  EXPECT_TRUE(IpAddress::Parse("::1")->IsV6());
  EXPECT_EQ(IpAddress::Parse("::1")->bytes().size(), 16u);
}

TEST(IpAddress, IsNothingElse) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "[::1]", "::1%lo", "localhost", "1.2.3.4/8"})
    EXPECT_FALSE(IpAddress::Parse(text).has_value()) << text;
  EXPECT_FALSE(IpAddress::Parse(std::string_view("1.2.3.4\0x", 9)).has_value());
}

TEST(IpAddress, KnowsWhatIsNotThePublicInternet) {
  for (const char* text : {"0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.254",
                           "169.254.1.1",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.8",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "239.1.1.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::10.0.0.1",
                           "::ffff:10.0.0.1",
                           "::ffff:127.0.0.1",
                           "64:ff9b::10.0.0.1",
                           "2002:a00:1::",
                           "2002:7f00:1::1",
                           "2001::1",
                           "2001:1ff::1",
                           "2001:db8::1",
                           "3fff::1",
                           "fc00::1",
                           "fd12::1",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1",
                           "100::1",
                           "4000::1"}) {
    EXPECT_TRUE(IpAddress::Parse(text)->IsPrivate()) << text;
  }
  for (const char* text : {"1.1.1.1",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
                           "100.128.0.0",     "126.255.255.255", "128.0.0.1",       "172.15.255.255",
                           "172.32.0.0",      "192.0.1.1",       "192.167.255.255", "192.169.0.0",
                           "198.17.255.255",  "198.20.0.0",      "223.255.255.255", "2001:4860:4860::8888",
                           "2a00:1450::1",    "2606:4700::1111", "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
                           "2002:808:808::1", "2001:200::1"}) {
    EXPECT_FALSE(IpAddress::Parse(text)->IsPrivate()) << text;
  }
}

TEST(IpAddress, IsOrderedAndEqualByFamilyAndBytes) {
  EXPECT_LT(*IpAddress::Parse("1.2.3.4"), *IpAddress::Parse("1.2.3.5"));
  EXPECT_LT(*IpAddress::Parse("255.0.0.0"), *IpAddress::Parse("::1"));
  EXPECT_NE(IpAddress(), *IpAddress::Parse("::"));
  EXPECT_EQ(IpAddress(), *IpAddress::Parse("0.0.0.0"));
}

}  // namespace
}  // namespace base
