#include "engine/delivery/sealer.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/delivery/small_job.h"

namespace delivery {
namespace {

using testing::SmallJob;

std::string Bytes(const Sealed& sealed) {
  std::string bytes;
  for (const std::string_view piece : sealed.message.pieces()) bytes += piece;
  return bytes;
}

TEST(Sealer, MakesTheMessageOfItsRecipient) {
  SmallJob small;
  Sealer sealer(small.job, small.clock);
  const ledger::RecipientId id = small.campaign.IdOf("user7@d.example");
  const auto sealed = sealer.Seal(id);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ((*sealed)->recipient, "user7@d.example");
  EXPECT_EQ((*sealed)->message.envelope_sender(), "bounce+t8@example.com");
  const std::string bytes = Bytes(**sealed);
  EXPECT_NE(bytes.find("Message-ID: <t8@example.com>"), std::string::npos) << bytes;
  EXPECT_NE(bytes.find("To: "), std::string::npos);
  EXPECT_NE(bytes.find("Hello Somebody."), std::string::npos);
  EXPECT_EQ((*sealed)->message.size(), bytes.size());
}

TEST(Sealer, GivesTheSameBytesAtEveryAttemptWhereTheDateIsThatOfTheStart) {
  SmallJob small;
  small.job.date = small.clock.WallNow();
  Sealer sealer(small.job, small.clock);
  auto first = sealer.Seal(3);
  ASSERT_TRUE(first.ok());
  const std::string bytes = Bytes(**first);
  sealer.Recycle(*std::move(first));
  small.clock.passed = base::Duration::Hours(5);
  const auto again = sealer.Seal(3);
  EXPECT_EQ(Bytes(**again), bytes);
}

TEST(Sealer, DatesTheAttemptWhereTheCampaignSaysSo) {
  SmallJob small;
  Sealer sealer(small.job, small.clock);
  EXPECT_NE(Bytes(**sealer.Seal(3)).find("Date: Tue, 24 Nov 2026 09:00:00 +0000"), std::string::npos);
  small.clock.passed = base::Duration::Hours(5);
  EXPECT_NE(Bytes(**sealer.Seal(3)).find("Date: Tue, 24 Nov 2026 14:00:00 +0000"), std::string::npos);
}

TEST(Sealer, MixesNothingOfOneMessageIntoTheNext) {
  SmallJob small;
  small.job.date = small.clock.WallNow();
  Sealer fresh(small.job, small.clock), reused(small.job, small.clock);
  for (ledger::RecipientId id = 0; id < 20; ++id) {
    auto sealed = reused.Seal(id);
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(Bytes(**sealed), Bytes(**fresh.Seal(id)));
    reused.Recycle(*std::move(sealed));
  }
}

}  // namespace
}  // namespace delivery
