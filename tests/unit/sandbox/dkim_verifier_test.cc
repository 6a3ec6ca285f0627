// The oracle's DKIM verifier against the examples of RFC 6376 and RFC 8463, and against messages that were tampered
// with.
#include "tools/sandbox/dkim_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sandbox {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kNow = 1'700'000'000;
constexpr std::string_view kEd25519Name = "brisbane._domainkey.football.example.com";
constexpr std::string_view kRsaName = "test._domainkey.football.example.com";

// RFC 8463 Appendix A.2
const std::map<std::string, std::string, std::less<>> kRecords = {
    {std::string(kEd25519Name), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
    {std::string(kRsaName),
     "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
     "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
     "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
     "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"}};

// RFC 8463 Appendix A.3
const std::string kMessage =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    " date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game.  Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

// What is wrong with each signature.
std::vector<std::string> Faults(const std::string& message,
                                const std::map<std::string, std::string, std::less<>>& dns = kRecords) {
  DkimVerifier verifier([&dns](std::string_view name) -> std::optional<std::string> {
    const auto found = dns.find(name);
    if (found == dns.end()) return std::nullopt;
    return found->second;
  });
  std::vector<std::string> faults;
  for (const SignatureVerdict& verdict : verifier.Verify(ParseMessage(message), kNow))
    faults.emplace_back(verdict.fault);
  return faults;
}

constexpr std::string_view kExample = "A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";

TEST(DkimCanonical, K04_TheExamplesOfTheStandard) {
  const ParsedMessage message = ParseMessage(kExample);
  ASSERT_EQ(message.fields.size(), 2u);
  EXPECT_EQ(CanonicalHeader(message.fields[0], Canonicalization::kRelaxed), "a:X");
  EXPECT_EQ(CanonicalHeader(message.fields[1], Canonicalization::kRelaxed), "b:Y Z");
  EXPECT_EQ(CanonicalHeader(message.fields[0], Canonicalization::kSimple), "A: X");
  EXPECT_EQ(CanonicalHeader(message.fields[1], Canonicalization::kSimple), "B : Y\t\r\n\tZ  ");
  EXPECT_EQ(CanonicalBody(message.body, Canonicalization::kRelaxed), " C\r\nD E\r\n");
  EXPECT_EQ(CanonicalBody(message.body, Canonicalization::kSimple), " C \r\nD \t E\r\n");
}

TEST(DkimCanonical, K02_K03_EmptyAndUnfinishedBodies) {
  for (const std::string_view body : {"", "\r\n", "\r\n\r\n"}) {
    EXPECT_EQ(CanonicalBody(body, Canonicalization::kSimple), "\r\n");
    EXPECT_EQ(CanonicalBody(body, Canonicalization::kRelaxed), "");
  }
  EXPECT_EQ(CanonicalBody(" \t\r\n \r\n", Canonicalization::kRelaxed), "");
  EXPECT_EQ(CanonicalBody("a", Canonicalization::kRelaxed), "a\r\n");
  EXPECT_EQ(CanonicalBody("a\nb \r\n", Canonicalization::kRelaxed), "a\nb\r\n");
}

TEST(DkimTags, ReadsListsAndRefusesMalformedOnes) {
  const auto tags = DkimTags::Parse(" v = 1 ;\r\n b=ab\r\n cd ; x=;");
  ASSERT_TRUE(tags.has_value());
  EXPECT_EQ(tags->Get("v", ""), "1");
  EXPECT_EQ(tags->Get("x", "?"), "");
  EXPECT_EQ(tags->Get("y", "?"), "?");
  EXPECT_EQ(*DecodeBase64(tags->Get("b", "")), "\x69\xb7\x1d");
  for (const char* bad : {"", ";", "v", "=1", "v=1;;a=2", "v=1;v=2", "1v=1", "v v=1"})
    EXPECT_FALSE(DkimTags::Parse(bad).has_value()) << bad;
}

TEST(DkimVerifier, K12_BothSignaturesOfTheStandardsExampleVerify) {
  EXPECT_THAT(Faults(kMessage), ElementsAre("", ""));
  // Relaxed: space and the case of names do not matter.
  EXPECT_THAT(Faults(Replaced(kMessage, "Subject: Is dinner ready?", "SUBJECT :Is  dinner\r\n\tready? ")),
              ElementsAre("", ""));
  EXPECT_THAT(Faults(Replaced(kMessage, "Hi.\r\n", "Hi. \t\r\n") + "\r\n\r\n"), ElementsAre("", ""));
}

TEST(DkimVerifier, WhatWasTamperedWithDoesNotVerify) {
  const std::string bad_header = "signature does not verify";
  EXPECT_THAT(Faults(Replaced(kMessage, "Joe.", "Jim.")), ElementsAre("body hash differs", "body hash differs"));
  EXPECT_THAT(Faults(kMessage + "More.\r\n"), ElementsAre("body hash differs", "body hash differs"));
  EXPECT_THAT(Faults(Replaced(kMessage, "ready?", "burnt?")), ElementsAre(bad_header, bad_header));
  // Subject is signed once more than it is there (oversigned): another one may not be added.
  EXPECT_THAT(Faults(Replaced(kMessage, "To: ", "Subject: Win\r\nTo: ")), ElementsAre(bad_header, bad_header));
  EXPECT_THAT(Faults(Replaced(kMessage, "t=1528637909", "t=1528637908")), ElementsAre(bad_header, ""));
  EXPECT_THAT(Faults(Replaced(kMessage, "b=/gCr", "b=/gCs")), ElementsAre(bad_header, ""));
  // Nothing but the value of b= is left out of what is signed.
  EXPECT_THAT(Faults(Replaced(kMessage, "h=from : to :\r\n", "h=from : to : cc :\r\n")), ElementsAre(bad_header, ""));
}

TEST(DkimVerifier, SignaturesThatAStrictReceiverRefuses) {
  const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> cases = {
      {{"v=1; a=ed", "v=2; a=ed"}, "v= is not 1"},
      {{"a=ed25519-sha256", "a=rsa-sha1"}, "a= is neither rsa-sha256 nor ed25519-sha256"},
      {{"a=ed25519-sha256", "a=rsa-sha256"}, "key is of another type"},
      {{"c=relaxed/relaxed", "c=loose"}, "c= is unknown"},
      {{" i=@football.example.com", " i=@example.com"}, "i= is not under d="},
      {{"h=from : to", "h=to"}, "signature does not verify"},
      {{"q=dns/txt", "q=http"}, "q= is unknown"},
      {{"t=1528637909", "t=1528637909; x=1528637908"}, "t= or x= is malformed"},
      {{"t=1528637909", "t=1528637909; x=1528637910"}, "signature has expired"},
      {{"t=1528637909", "t=soon"}, "t= or x= is malformed"},
      {{"t=1528637909", "l=9999"}, "body hash differs"},
      {{"t=1528637909", "l=-1"}, "l= is malformed"},
      {{"s=brisbane", "s=sydney"}, "no key record"},
      {{" s=brisbane;", ""}, "a required tag is missing"},
      {{" s=brisbane;", " s=brisbane; s=test;"}, "signature is malformed"},
      {{"bh=2jUS", "bh=?jUS"}, "b= or bh= is not base64"},
      {{"h=from : to :\r\n subject : date : message-id : from", "h=to : subject : date : message-id : to"},
       "From is not signed"}};
  for (const auto& [change, fault] : cases) {
    EXPECT_THAT(Faults(Replaced(kMessage, change.first, change.second)), ElementsAre(fault, "")) << change.second;
  }
}

TEST(DkimVerifier, KeysThatAStrictReceiverRefuses) {
  const std::string good = kRecords.find(kEd25519Name)->second;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"v=DKIM2; p=", "key record is malformed"},           {"v=DKIM1; k=ed25519", "key record is malformed"},
      {"v=DKIM1; k=ed25519; p=", "key is revoked"},         {"v=DKIM1; k=dsa; p=AAAA", "key type is unknown"},
      {good + "; h=sha1", "key does not allow SHA-256"},    {good + "; s=web", "key is not for mail"},
      {"v=DKIM1; k=ed25519; p=AAAA", "key cannot be read"}, {"v=DKIM1; p=AAAA", "key cannot be read"},
      {"v=DKIM1; k=ed25519; p=A", "key is not base64"},     {good + "; t=s; s=email; h=sha1:sha256", ""}};
  for (const auto& [record, fault] : cases) {
    auto records = kRecords;
    records[std::string(kEd25519Name)] = record;
    EXPECT_THAT(Faults(kMessage, records), ElementsAre(fault, "")) << record;
  }
}

}  // namespace
}  // namespace sandbox
