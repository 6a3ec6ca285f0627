#include "engine/delivery/broken_tls.h"

#include <gtest/gtest.h>

namespace delivery {
namespace {

base::Instant At(std::int64_t seconds) { return base::Instant::FromNanoseconds(seconds * 1'000'000'000); }
TlsPeer Host(std::uint32_t number) { return {"mx.example", base::IpAddress::V4(0x0A000000 + number)}; }

TEST(BrokenTls, RemembersAServerForAWhile) {
  TlsMemory broken;
  EXPECT_FALSE(broken.Contains(Host(1), At(0)));
  broken.Remember(Host(1), At(10));
  EXPECT_TRUE(broken.Contains(Host(1), At(9)));
  EXPECT_FALSE(broken.Contains(Host(1), At(10)));
  EXPECT_FALSE(broken.Contains(Host(2), At(9)));
  broken.Remember(Host(1), At(5));  // An older fact does not shorten it.
  EXPECT_TRUE(broken.Contains(Host(1), At(9)));
}

TEST(BrokenTls, AHostThatFailsInClearAsWellMayHaveBeenDown) {
  TlsMemory broken;
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

TEST(BrokenTls, ForgetsWhatWorked) {
  TlsMemory broken;
  broken.Remember(Host(1), At(10));
  broken.OnWorks(Host(1));
  broken.Forget(Host(1));
  broken.Forget(Host(2));
  EXPECT_EQ(broken.size(), 0u);
}

TEST(BrokenTls, AnotherNameOrAnotherNeedOfTheCertificateIsAnotherPeer) {
  TlsMemory broken;
  const TlsPeer peer = Host(1);
  broken.Remember(peer, At(10));
  EXPECT_FALSE(broken.Contains({"mx.other.example", peer.address}, At(0)));
  EXPECT_FALSE(broken.Contains({peer.host, peer.address, true}, At(0)));
  EXPECT_TRUE(broken.Contains(peer, At(0)));
}

// It has TLS 1.3 by now, perhaps, and refuses what looks like a fallback.
TEST(BrokenTls, WhereTheCertificateMustHoldAFailureIsForgottenWhateverWorkedBefore) {
  TlsMemory broken;
  const TlsPeer peer = {"mx.example", Host(1).address, true};
  broken.Remember(peer, At(10));
  broken.OnWorks(peer);
  broken.OnFailed(peer);
  EXPECT_FALSE(broken.Contains(peer, At(0)));
}

TEST(BrokenTls, APeerIsReadAsItWasWritten) {
  for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
    for (const bool verifies : {false, true}) {
      const TlsPeer peer = {"mx.example", *base::IpAddress::Parse(address), verifies};
      EXPECT_EQ(TlsPeer::Parse(peer.ToString()), peer);
    }
  }
  for (const char* wrong : {"", "192.0.2.1", "mx.example", " 192.0.2.1", "mx.example verified", "a b"})
    EXPECT_EQ(TlsPeer::Parse(wrong), std::nullopt) << wrong;
}

TEST(BrokenTls, IsBounded) {
  TlsMemory broken;
  for (std::uint32_t i = 0; i < TlsMemory::kPeersMax + 5; ++i) broken.Remember(Host(i), At(100 + i));
  EXPECT_EQ(broken.size(), TlsMemory::kPeersMax);
  EXPECT_FALSE(broken.Contains(Host(4), At(0)));
  EXPECT_TRUE(broken.Contains(Host(5), At(0)));
}

}  // namespace
}  // namespace delivery
