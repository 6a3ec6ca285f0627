#include "engine/io/own_address.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace io {
namespace {

TEST(OwnAddress, IsWhatTheRoutesSay) {
  const base::IpAddress loopback = *base::IpAddress::Parse("127.0.0.1");
  EXPECT_EQ(OwnAddressTowards({*base::IpAddress::Parse("127.0.0.9"), 25}), loopback);
}

TEST(OwnAddress, WhereTheKernelRefusesThereIsNone) {
  EXPECT_EQ(OwnAddressTowards({*base::IpAddress::Parse("255.255.255.255"), 25}), std::nullopt);
}

TEST(OwnAddress, ASourceThatThisMachineDoesNotHaveIsTold) {
  EXPECT_EQ(ErrorOfSource(*base::IpAddress::Parse("127.0.0.1")), 0);
  EXPECT_EQ(ErrorOfSource(*base::IpAddress::Parse("192.0.2.77")), EADDRNOTAVAIL);
}

}  // namespace
}  // namespace io
