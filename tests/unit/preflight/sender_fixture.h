// A good sender and its DNS, to take something away from, and what a look at it says.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "engine/preflight/sender.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/table_lookup.h"

namespace preflight {

using Zone = dns::TableLookup::Zone;

inline constexpr char kKey[] = "v=DKIM1; k=rsa; p=AAAA";

inline Sender GoodSender() {
  Sender sender;
  sender.from_domain = "example.com";
  sender.envelope_domain = "bounces.example.com";
  sender.envelope_local_part = "bounce+token";
  sender.reply_domain = "example.com";
  sender.sources = {{"ip-1", base::IpAddress::Parse("198.51.100.7"), "mta1.example.com"}};
  sender.keys = {{"s1._domainkey.example.com", "example.com", "", kKey}};
  sender.has_verp = sender.is_marketing = sender.has_one_click = sender.has_authorities = true;
  sender.allows_private = true;  // As those of documentation are.
  return sender;
}

inline Zone GoodZone() {
  return {{"bounces.example.com", "TXT v=spf1 ip4:198.51.100.7 -all"},
          {"bounces.example.com", "MX 10 mta1.example.com"},
          {"s1._domainkey.example.com", std::string("TXT ") + kKey},
          {"_dmarc.example.com", "TXT v=DMARC1; p=none"},
          {"7.100.51.198.in-addr.arpa", "PTR mta1.example.com"},
          {"mta1.example.com", "A 198.51.100.7"},
          {"example.com", "MX 10 mta1.example.com"}};
}

// Without the records of these names.
inline Zone Without(const std::vector<std::string>& names, Zone zone = GoodZone()) {
  std::erase_if(
      zone, [&names](const auto& entry) { return std::find(names.begin(), names.end(), entry.first) != names.end(); });
  return zone;
}
inline Zone With(Zone zone, const Zone& more) {
  zone.insert(zone.end(), more.begin(), more.end());
  return zone;
}

inline Report Look(const Zone& zone, const Sender& sender = GoodSender()) {
  dns::TableLookup lookup(zone);
  return CheckSender(lookup, sender);
}

// The only finding of a check.
inline Finding Only(const Report& report, const std::string& check) {
  std::vector<Finding> found;
  for (const Finding& finding : report.findings) {
    if (finding.check == check) found.push_back(finding);
  }
  EXPECT_EQ(found.size(), 1U) << check;
  return found.empty() ? Finding() : found.front();
}

inline void Expect(const Report& report, const std::string& check, Verdict verdict, const std::string& words,
                   const std::vector<DnsRecord>& publish = {}) {
  const Finding finding = Only(report, check);
  EXPECT_EQ(finding.verdict, verdict) << check << ": " << finding.what;
  EXPECT_THAT(finding.what, testing::HasSubstr(words));
  EXPECT_EQ(finding.publish, publish) << (finding.publish.empty() ? "none" : finding.publish.front().ToString());
}

}  // namespace preflight
