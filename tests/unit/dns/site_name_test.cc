#include "dns/site_name.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "gtest/gtest.h"

namespace dns {
namespace {

std::string Name(const std::vector<std::string>& names) {
  std::vector<MxHost> hosts;
  for (const std::string& name : names) hosts.push_back({name, static_cast<std::uint16_t>(hosts.size() * 10)});
  return SiteName(hosts);
}

TEST(SiteName, WritesTheCommonLabelsOnce) {
  EXPECT_EQ(Name({"gmail-smtp-in.l.google.com", "alt2.l.google.com", "alt1.l.google.com"}),
            "(alt1|alt2|gmail-smtp-in).l.google.com");
  EXPECT_EQ(Name({"gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"}),
            "(alt1.gmail-smtp-in|gmail-smtp-in).l.google.com");
}

TEST(SiteName, OfOneHostIsItsName) { EXPECT_EQ(Name({"mx.example.com", "mx.example.com"}), "mx.example.com"); }

TEST(SiteName, SharesWholeLabelsOnly) {
  EXPECT_EQ(Name({"amx.example", "bmx.example"}), "(amx|bmx).example");
  EXPECT_EQ(Name({"a.com", "b.org"}), "(a.com|b.org)");
  EXPECT_EQ(Name({"a", "ba"}), "(a|ba)");
}

TEST(SiteName, OfEqualSetsIsEqualAndOfDifferentSetsDifferent) {
  const std::vector<std::string> labels = {"a", "b", "ab", "mx", "x"};
  base::Prng prng(42);
  std::map<std::string, std::set<std::string>> seen;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> names;
    for (std::uint64_t hosts = 1 + prng.Below(4); hosts > 0; --hosts) {
      std::string name = labels[prng.Below(labels.size())];
      for (std::uint64_t more = prng.Below(3); more > 0; --more) name += "." + labels[prng.Below(labels.size())];
      names.push_back(name);
    }
    const std::set<std::string> set(names.begin(), names.end());
    const auto [known, is_new] = seen.emplace(Name(names), set);
    ASSERT_EQ(known->second, set) << known->first;
    ASSERT_EQ(known->first, Name(std::vector<std::string>(set.rbegin(), set.rend())));
  }
  EXPECT_GT(seen.size(), 1000U);
}

}  // namespace
}  // namespace dns
