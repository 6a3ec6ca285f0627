// What SPF's tests look at: the outcome of records over a table.
#pragma once

#include <string>
#include <vector>

#include "dns/spf.h"
#include "gtest/gtest.h"
#include "tests/unit/dns/table_lookup.h"

namespace dns {

inline SpfOutcome Check(const TableLookup::Zone& zone, const std::string& address,
                        const std::string& domain = "example.com", const std::string& local_part = "news",
                        const std::string& helo = "mta.example.com") {
  TableLookup lookup(zone);
  return CheckSpf(lookup, {*base::IpAddress::Parse(address), domain, local_part, helo});
}

// What a record says to an address that it has to be about; a few names exist.
inline SpfOutcome OutcomeOf(const std::string& record, const std::string& address = "192.0.2.1") {
  return Check({{"example.com", "TXT " + record},
                {"example.com", "A 192.0.2.77"},
                {"mx.example.org", "A 192.0.2.1"},
                {"mx.example.org", "AAAA 2001:db8::1"},
                {"example.org", "MX 10 mx.example.org"},
                {"pass.example.net", "TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"},
                {"fail.example.net", "TXT v=spf1 -all"},
                {"softfail.example.net", "TXT v=spf1 ~all"},
                {"neutral.example.net", "TXT v=spf1 ?all"},
                {"wrong.example.net", "TXT v=spf1 moo"},
                {"none.example.net", "TXT hello"},
                {"dead.example.net", "FAIL"},
                {"exists.example.net", "A 127.0.0.2"},
                {"six.example.net", "AAAA 2001:db8::1"}},
               address);
}

struct SpfRow {
  const char* record;
  SpfResult result;
};
inline void CheckRows(const std::vector<SpfRow>& rows, const std::string& address = "192.0.2.1") {
  for (const SpfRow& row : rows) {
    const SpfOutcome outcome = OutcomeOf(row.record, address);
    EXPECT_EQ(outcome.result, row.result) << row.record << ": " << ToString(outcome.result) << ", " << outcome.detail;
  }
}

}  // namespace dns
