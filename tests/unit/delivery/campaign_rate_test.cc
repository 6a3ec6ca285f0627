#include "engine/delivery/campaign_rate.h"

#include <gtest/gtest.h>

#include <string>

namespace delivery {
namespace {

using base::Duration;

class StoppedClock final : public io::Clock {
 public:
  base::Instant Now() const override { return now; }
  base::WallTime WallNow() const override { return {}; }
  base::Instant now = base::Instant() + Duration::Hours(1);
};

class Site final : public CampaignLine::Waiter {
 public:
  Site(char name, std::string& calls) : name_(name), calls_(calls) {}
  void OnMayBegin() override { calls_ += name_; }

 private:
  const char name_;
  std::string& calls_;
};

class CampaignRateTest : public testing::Test {
 protected:
  void PassTime(Duration time) {
    clock_.now = clock_.now + time;
    timers_.Advance(clock_.now);
  }
  StoppedClock clock_;
  io::TimerWheel timers_{clock_.now};
  CampaignRate rate_{{1, Duration::Seconds(1), 1}};
  std::string calls_;
  Site a_{'a', calls_}, b_{'b', calls_}, c_{'c', calls_};
  CampaignLine line_{&rate_, clock_, timers_};  // Goes before those who wait.
};

TEST_F(CampaignRateTest, WithoutARateEveryoneHasAToken) {
  CampaignLine line(nullptr, clock_, timers_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(line.HasToken(a_));
    line.UseToken(a_);
  }
  EXPECT_EQ(line.TokensSoon(), UINT64_MAX);
}

TEST_F(CampaignRateTest, ThoseWhoWaitAreServedInTheOrderTheyCame) {
  EXPECT_TRUE(line_.HasToken(a_));
  line_.UseToken(a_);
  EXPECT_FALSE(line_.HasToken(b_));
  EXPECT_FALSE(line_.HasToken(a_));
  EXPECT_FALSE(line_.HasToken(c_));
  EXPECT_FALSE(line_.HasToken(b_));  // Asking twice is waiting once.
  for (const char* expected : {"b", "ba", "bac", "bac"}) {
    PassTime(Duration::Milliseconds(1002));
    EXPECT_EQ(calls_, expected);
  }
}

TEST_F(CampaignRateTest, ATokenIsKeptTenSecondsAndNeverGivenBack) {
  EXPECT_TRUE(line_.HasToken(a_));
  PassTime(Duration::Milliseconds(9990));
  EXPECT_TRUE(line_.HasToken(a_)) << "that is the same one";
  EXPECT_TRUE(line_.HasToken(b_)) << "and this the next";
  PassTime(Duration::Seconds(1));
  EXPECT_TRUE(line_.HasToken(a_)) << "it was lost, and this is a new one";
  EXPECT_FALSE(line_.HasToken(c_));
}

TEST_F(CampaignRateTest, WhoHasLostATokenIsServedFirst) {
  EXPECT_TRUE(line_.HasToken(a_));
  PassTime(Duration::Milliseconds(9800));
  EXPECT_TRUE(line_.HasToken(b_));
  line_.UseToken(b_);
  EXPECT_FALSE(line_.HasToken(c_));
  PassTime(Duration::Milliseconds(300));  // Of a's token: ten seconds have passed.
  EXPECT_FALSE(line_.HasToken(a_));
  EXPECT_FALSE(line_.HasToken(b_));
  PassTime(Duration::Seconds(1));
  EXPECT_EQ(calls_, "a");
  PassTime(Duration::Seconds(1));
  EXPECT_EQ(calls_, "ac");
}

TEST_F(CampaignRateTest, WhoCancelsIsNotCalled) {
  EXPECT_TRUE(line_.HasToken(a_));
  EXPECT_FALSE(line_.HasToken(b_));
  EXPECT_FALSE(line_.HasToken(c_));
  line_.Cancel(b_);
  line_.Cancel(b_);
  PassTime(Duration::Milliseconds(1002));
  EXPECT_EQ(calls_, "c");
}

}  // namespace
}  // namespace delivery
