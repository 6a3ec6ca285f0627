#include <string>

#include "engine/preflight/finding.h"
#include "gtest/gtest.h"

namespace preflight {
namespace {

TEST(DnsRecordTest, IsALineOfAZoneFile) {
  EXPECT_EQ((DnsRecord{"a.example", "TXT", "v=\"x\\y\""}).ToString(), "a.example. TXT \"v=\\\"x\\\\y\\\"\"");
  EXPECT_EQ((DnsRecord{"a.example", "TXT", std::string(300, 'a')}).ToString(),
            "a.example. TXT \"" + std::string(255, 'a') + "\" \"" + std::string(45, 'a') + "\"");
  EXPECT_EQ((DnsRecord{"a.example", "MX", "10 mx.example"}).ToString(), "a.example. MX 10 mx.example.");
  EXPECT_EQ((DnsRecord{"a.example", "A", "192.0.2.1"}).ToString(), "a.example. A 192.0.2.1");
}

}  // namespace
}  // namespace preflight
