// What holds up the mail of one TLS policy is no matter of the others at the same mail exchangers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "tests/sim/scenario.h"
#include "tests/sim/verdicts.h"

namespace sim {
namespace {

constexpr int kStrictDomains = 80;
constexpr int kHosts = 8;

std::string Strict(int i) { return absl::StrFormat("strict%02d.example", i); }
std::string Host(int i) { return absl::StrFormat("mx%d.shared.example", i); }

// One recipient in each of the strict domains, which the roster has first, and many in another.
std::vector<std::string> Recipients() {
  std::vector<std::string> addresses = Many(40, "weak.example");
  for (int i = 0; i < kStrictDomains; ++i) addresses.push_back("a@" + Strict(i));
  return addresses;
}

// All domains have the same exchangers. The DNS gives no answer about any but the first; the strict ones go to others
// alone: those of which their number has the bit.
class PoliciesApart : public testing::TestWithParam<bool> {
 protected:
  static std::string PolicyOf(int domain) {
    std::string policy = "version: STSv1\nmode: enforce\nmax_age: 864000\n";
    const int named = GetParam() ? domain + 1 : 1;  // A policy for each, or one for all.
    for (int host = 1; host < kHosts; ++host) {
      if ((named >> (host - 1) & 1) != 0) policy += "mx: " + Host(host) + "\n";
    }
    return policy;
  }
  static void SetUp(Scenario& scenario) {
    std::vector<std::string> hosts;
    for (int i = 0; i < kHosts; ++i) {
      scenario.AddReceiver(Host(i)).certificate = Host(i);
      hosts.push_back(Host(i));
      if (i > 0) scenario.names().SetAnswer(Host(i), dns::AnswerKind::kServerFail);
    }
    scenario.names().SetMx("weak.example", hosts);
    for (int i = 0; i < kStrictDomains; ++i) {
      scenario.names().SetMx(Strict(i), hosts);
      scenario.SetStsPolicy(Strict(i), "1", PolicyOf(i));
    }
  }
};

TEST_P(PoliciesApart, M06_HoweverManyDomainsAreHeldOthersAtTheirHostsGoOn) {
  Scenario scenario({.addresses = Recipients()});
  SetUp(scenario);
  scenario.RunFor(Duration::Minutes(1));
  EXPECT_EQ(scenario.CountLast("delivered"), 40u);
  for (int i = 0; i < kStrictDomains; ++i) EXPECT_THAT(scenario.Story("a@" + Strict(i)), IsEmpty());
  for (int i = 1; i < kHosts; ++i) scenario.names().SetAnswer(Host(i), dns::AnswerKind::kFound);
  EXPECT_TRUE(scenario.Finish());
  EXPECT_EQ(scenario.CountLast("delivered"), 40u + kStrictDomains);
}

INSTANTIATE_TEST_SUITE_P(BeforeAConnection, PoliciesApart, testing::Bool(),
                         [](const auto& param) { return std::string(param.param ? "OfManyPolicies" : "OfOnePolicy"); });

}  // namespace
}  // namespace sim
