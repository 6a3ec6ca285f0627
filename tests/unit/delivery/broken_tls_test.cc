#include "engine/delivery/broken_tls.h"

#include <gtest/gtest.h>

namespace delivery {
namespace {

base::Instant At(std::int64_t seconds) { return base::Instant::FromNanoseconds(seconds * 1'000'000'000); }
base::IpAddress Host(std::uint32_t number) { return base::IpAddress::V4(0x0A000000 + number); }

TEST(BrokenTls, RemembersAnAddressForAWhile) {
  AddressMemory broken;
  EXPECT_FALSE(broken.Contains(Host(1), At(0)));
  broken.Remember(Host(1), At(10));
  EXPECT_TRUE(broken.Contains(Host(1), At(9)));
  EXPECT_FALSE(broken.Contains(Host(1), At(10)));
  EXPECT_FALSE(broken.Contains(Host(2), At(9)));
  broken.Remember(Host(1), At(5));  // An older fact does not shorten it.
  EXPECT_TRUE(broken.Contains(Host(1), At(9)));
}

TEST(BrokenTls, AHostThatFailsInClearAsWellMayHaveBeenDown) {
  AddressMemory broken;
  broken.Remember(Host(1), At(10));
  broken.OnFailed(Host(1));
  EXPECT_FALSE(broken.Contains(Host(1), At(1)));
  broken.Remember(Host(1), At(10));
  broken.OnWorks(Host(1));
  broken.OnFailed(Host(1));  // It was TLS, we know; that the host is down now is another matter.
  EXPECT_TRUE(broken.Contains(Host(1), At(1)));
  broken.OnWorks(Host(2));
  broken.OnFailed(Host(2));
  EXPECT_EQ(broken.size(), 1u);
}

TEST(BrokenTls, IsBounded) {
  AddressMemory broken;
  for (std::uint32_t i = 0; i < AddressMemory::kAddressesMax + 5; ++i) broken.Remember(Host(i), At(100 + i));
  EXPECT_EQ(broken.size(), AddressMemory::kAddressesMax);
  EXPECT_FALSE(broken.Contains(Host(4), At(0)));
  EXPECT_TRUE(broken.Contains(Host(5), At(0)));
}

}  // namespace
}  // namespace delivery
