#include "dns/mx_lookup.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/scripted_resolver.h"

namespace dns {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MxLookupTest : public testing::Test {
 protected:
  void Ask(const std::string& domain) {
    lookup_->LookupMx(domain, [this](const Route& route) { route_ = route; });
    EXPECT_FALSE(route_.has_value());
  }
  Route RouteFor(const Answer& mx) {
    Ask("example.com");
    resolver_.Reply("example.com", RecordType::kMx, mx);
    EXPECT_TRUE(route_.has_value());
    return route_.value_or(Route());
  }
  Route ImplicitRoute(const Answer& a, const Answer& aaaa) {
    Ask("example.com");
    resolver_.Reply("example.com", RecordType::kMx, Nothing(AnswerKind::kNoData, 300));
    EXPECT_FALSE(route_.has_value());
    resolver_.Reply("example.com", RecordType::kA, a);
    resolver_.Reply("example.com", RecordType::kAaaa, aaaa);
    return route_.value_or(Route());
  }
  HostAddresses Host(const Answer& a, const std::optional<Answer>& aaaa) {
    std::optional<HostAddresses> result;
    lookup_->LookupHost("mx.example", aaaa.has_value(), [&result](const HostAddresses& found) { result = found; });
    resolver_.Reply("mx.example", RecordType::kA, a);
    EXPECT_EQ(result.has_value(), !aaaa.has_value());
    if (aaaa.has_value()) resolver_.Reply("mx.example", RecordType::kAaaa, *aaaa);
    EXPECT_EQ(resolver_.waiting(), 0U);
    return result.value_or(HostAddresses());
  }

  static Answer Signed(Answer answer) {
    answer.authenticated = true;
    return answer;
  }

  ScriptedResolver resolver_;
  std::unique_ptr<MxLookup> lookup_ = std::make_unique<MxLookup>(resolver_);
  std::optional<Route> route_;
};

TEST_F(MxLookupTest, S15_HostsAreSortedByPreferenceThenName) {
  const Route route = RouteFor(Exchangers({{20, "c.example"}, {10, "b.example"}, {10, "a.example"}}, 77));
  EXPECT_EQ(route.kind, RouteKind::kHosts);
  EXPECT_FALSE(route.implicit);
  EXPECT_THAT(route.hosts, ElementsAre(MxHost{"a.example", 10}, MxHost{"b.example", 10}, MxHost{"c.example", 20}));
  EXPECT_EQ(route.ttl, base::Duration::Seconds(77));
}

TEST_F(MxLookupTest, ANameThatComesTwiceCountsOnceWithItsBestPreference) {
  const Route route = RouteFor(Exchangers({{30, "a.example"}, {20, "b.example"}, {10, "a.example"}}));
  EXPECT_THAT(route.hosts, ElementsAre(MxHost{"a.example", 10}, MxHost{"b.example", 20}));
}

TEST_F(MxLookupTest, S22_ALoneRootIsANullMx) { EXPECT_EQ(RouteFor(Exchangers({{0, ""}})).kind, RouteKind::kNullMx); }

TEST_F(MxLookupTest, S22_ARootAmongRealHostsIsNoNullMx) {
  const Route route = RouteFor(Exchangers({{0, ""}, {10, "a.example"}}));
  EXPECT_EQ(route.kind, RouteKind::kHosts);
  EXPECT_THAT(route.hosts, ElementsAre(MxHost{"a.example", 10}));
}

TEST_F(MxLookupTest, S19_MxRecordsWithoutAUsableHostDoNotFallBackToTheDomain) {
  const Route route =
      RouteFor(Exchangers({{10, "192.0.2.1"}, {10, "localhost"}, {10, "mx\\032one.example"}, {20, ""}}));
  EXPECT_EQ(route.kind, RouteKind::kNoAddress);
  EXPECT_THAT(route.detail, HasSubstr("192.0.2.1"));
  EXPECT_EQ(resolver_.waiting(), 0U);
}

TEST_F(MxLookupTest, S17_NxdomainIsNoDomainAndFailuresAreTemporary) {
  EXPECT_EQ(RouteFor(Nothing(AnswerKind::kNoDomain)).kind, RouteKind::kNoDomain);
  route_.reset();
  EXPECT_EQ(RouteFor(Nothing(AnswerKind::kServerFail, 0, "it said no")).detail, "it said no");
  EXPECT_EQ(route_->kind, RouteKind::kTemporary);
  route_.reset();
  EXPECT_EQ(RouteFor(Nothing(AnswerKind::kTimeout)).kind, RouteKind::kTemporary);
}

TEST_F(MxLookupTest, S18_WithoutMxTheDomainItselfIsTheHost) {
  const Route route = ImplicitRoute(Addresses({"192.0.2.1"}, 100), Nothing(AnswerKind::kNoData));
  EXPECT_EQ(route.kind, RouteKind::kHosts);
  EXPECT_TRUE(route.implicit);
  EXPECT_THAT(route.hosts, ElementsAre(MxHost{"example.com", 0}));
  EXPECT_EQ(route.ttl, base::Duration::Seconds(100));
}

TEST_F(MxLookupTest, S18_AnIpv6AddressIsEnoughForTheImplicitMx) {
  EXPECT_EQ(ImplicitRoute(Nothing(AnswerKind::kNoData), Addresses({"2001:db8::1"})).kind, RouteKind::kHosts);
}

TEST_F(MxLookupTest, WithoutMxAndAddressThereIsNothing) {
  const Route route = ImplicitRoute(Nothing(AnswerKind::kNoData), Nothing(AnswerKind::kNoData));
  EXPECT_EQ(route.kind, RouteKind::kNoAddress);
  EXPECT_TRUE(route.hosts.empty());
}

TEST_F(MxLookupTest, AFailureOfOneFamilyMayHideAnAddress) {
  EXPECT_EQ(ImplicitRoute(Nothing(AnswerKind::kNoData), Nothing(AnswerKind::kServerFail, 0)).kind,
            RouteKind::kTemporary);
}

TEST_F(MxLookupTest, OnlyTheBestOfVeryManyHostsAreUsed) {
  std::vector<std::pair<int, std::string>> hosts;
  for (int i = 0; i < 100; ++i) hosts.emplace_back(1000 - i, absl::StrCat("mx", i, ".example"));
  const Route route = RouteFor(Exchangers(hosts));
  ASSERT_EQ(route.hosts.size(), MxLookup::kHostsMax);
  EXPECT_EQ(route.hosts.front(), (MxHost{"mx99.example", 901}));
  EXPECT_THAT(route.detail, HasSubstr("32 of 100"));
}

TEST_F(MxLookupTest, AddressesAreIpv4ThenIpv6WithTheSmallerTtl) {
  const HostAddresses found = Host(Addresses({"192.0.2.2", "192.0.2.1"}, 50), Addresses({"2001:db8::1"}, 40));
  EXPECT_EQ(found.kind, AnswerKind::kFound);
  ASSERT_EQ(found.addresses.size(), 3U);
  EXPECT_EQ(found.addresses[0].ToString(), "192.0.2.2");
  EXPECT_EQ(found.addresses[2].ToString(), "2001:db8::1");
  EXPECT_EQ(found.ttl, base::Duration::Seconds(40));
}

TEST_F(MxLookupTest, OneFamilyIsEnoughWhateverBecomesOfTheOther) {
  const HostAddresses found = Host(Addresses({"192.0.2.2"}, 50), Nothing(AnswerKind::kTimeout, 0));
  EXPECT_EQ(found.kind, AnswerKind::kFound);
  EXPECT_EQ(found.ttl, base::Duration::Seconds(50));
}

TEST_F(MxLookupTest, Ipv6IsAskedForOnlyWhereItIsWanted) {
  EXPECT_EQ(Host(Nothing(AnswerKind::kNoDomain), std::nullopt).kind, AnswerKind::kNoDomain);
}

// RFC 7672 section 2.1.3: a question without an answer must not make DANE go away.
TEST_F(MxLookupTest, D01_AFailureOfOneFamilyTakesNothingFromTheSignedAddressesOfTheOther) {
  for (const AnswerKind kind : {AnswerKind::kServerFail, AnswerKind::kTimeout, AnswerKind::kNoData}) {
    EXPECT_TRUE(Host(Signed(Addresses({"192.0.2.2"})), Nothing(kind)).authenticated);
    EXPECT_TRUE(Host(Nothing(kind), Signed(Addresses({"2001:db8::1"}))).authenticated);
    route_.reset();
    Ask("example.com");
    resolver_.Reply("example.com", RecordType::kMx, Signed(Nothing(AnswerKind::kNoData)));
    resolver_.Reply("example.com", RecordType::kA, Signed(Addresses({"192.0.2.1"})));
    resolver_.Reply("example.com", RecordType::kAaaa, Nothing(kind));
    EXPECT_TRUE(route_->authenticated);
  }
  EXPECT_FALSE(Host(Addresses({"192.0.2.2"}), Signed(Nothing(AnswerKind::kNoData))).authenticated);
  EXPECT_FALSE(Host(Addresses({"192.0.2.2"}), Nothing(AnswerKind::kTimeout)).authenticated);
}

TEST_F(MxLookupTest, D01_WhatAHostIsAnAliasOfIsKnown) {
  Answer a = Signed(Addresses({"192.0.2.2"}));
  a.canonical = "real.example";
  EXPECT_EQ(Host(a, Nothing(AnswerKind::kTimeout)).canonical, "real.example");
  EXPECT_EQ(Host(a, std::nullopt).canonical, "real.example");
  EXPECT_EQ(Host(Addresses({"192.0.2.2"}), std::nullopt).canonical, "");
}

TEST_F(MxLookupTest, NobodyIsCalledAfterTheEnd) {
  Ask("example.com");
  lookup_->LookupHost("h.example", true, [](const HostAddresses&) { FAIL(); });
  lookup_.reset();
  resolver_.Reply("example.com", RecordType::kMx, Exchangers({{10, "a.example"}}));
  resolver_.Reply("h.example", RecordType::kA, Addresses({"192.0.2.1"}));
  resolver_.Reply("h.example", RecordType::kAaaa, Addresses({"2001:db8::1"}));
  EXPECT_FALSE(route_.has_value());
}

TEST_F(MxLookupTest, AddsTheAddressesOfTheHosts) {
  Route route;
  route.kind = RouteKind::kHosts;
  route.hosts = {{"a.example", 10}, {"b.example", 20}};
  const auto add = [&](MxLookup::Families families) {
    route_.reset();
    lookup_->AddAddresses(route, families, [this](const Route& whole) { route_ = whole; });
  };
  add({});
  EXPECT_EQ(route_->hosts, route.hosts);
  add({.v4 = true, .v6 = true});
  resolver_.Reply("a.example", RecordType::kA, Addresses({"192.0.2.1", "192.0.2.2"}));
  resolver_.Reply("a.example", RecordType::kAaaa, Addresses({"2001:db8::1"}));
  resolver_.Reply("b.example", RecordType::kA, Nothing(AnswerKind::kServerFail));
  EXPECT_FALSE(route_.has_value());
  resolver_.Reply("b.example", RecordType::kAaaa, Nothing(AnswerKind::kNoData));
  EXPECT_EQ(route_->kind, RouteKind::kHosts);
  EXPECT_EQ(route_->hosts[0].addresses.size(), 3u);
  EXPECT_TRUE(route_->hosts[1].addresses.empty());
  // Nothing is known of any of them: it is not known whose they are.
  add({.v6 = true});
  resolver_.Reply("a.example", RecordType::kAaaa, Nothing(AnswerKind::kTimeout, 0, "silence"));
  resolver_.Reply("b.example", RecordType::kAaaa, Nothing(AnswerKind::kServerFail, 0, "silence"));
  EXPECT_EQ(route_->kind, RouteKind::kTemporary);
  EXPECT_THAT(route_->detail, HasSubstr("silence"));
  EXPECT_EQ(resolver_.waiting(), 0u);
}

}  // namespace
}  // namespace dns
