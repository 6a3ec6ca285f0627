#include "engine/shaping_watch.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "engine/io/clock.h"
#include "tests/unit/campaign/scratch_folder.h"

namespace engine {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Lines final : public base::Log {
 public:
  void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class ShapingWatchTest : public testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  std::shared_ptr<const config::Shaping> Poll() {
    now_ = now_ + base::Duration::Seconds(2);
    return watch_.Poll(now_, log_);
  }
  // The files as they are, which nobody rewrites: they look the same twice.
  void TakeUp() {
    EXPECT_EQ(Poll(), nullptr);
    EXPECT_NE(Poll(), nullptr) << "whoever loaded them may have seen others";
  }
  const campaign::testing::ScratchFolder folder_;  // Tests run beside each other.
  const std::string path_ = folder_.Path("shaping.toml");
  static config::Config With(std::vector<std::string> files) {
    config::Config config;
    config.shaping_files = std::move(files);
    return config;
  }
  static config::Shaping Parse(const std::string& text) {
    std::vector<std::string> warnings;
    return *config::Shaping::Parse({{{"known", text}}}, warnings);
  }
  ShapingWatch watch_{With({path_}), Parse("")};
  base::Instant now_;
  Lines log_;
};

TEST_F(ShapingWatchTest, ReadsAFileThatHasChangedAndStaysSo) {
  Write("[\"default\"]\nconnection_limit = 3\n");
  TakeUp();
  EXPECT_EQ(Poll(), nullptr);
  Write("");
  EXPECT_EQ(Poll(), nullptr);
  Write("[\"default\"]\nconnection_limit = 40\n");  // Of another size: the times of older kernels are of 4 ms.
  EXPECT_EQ(Poll(), nullptr);
  const auto changed = Poll();
  ASSERT_NE(changed, nullptr);
  EXPECT_EQ(changed->For("x.org", {}, "s").connection_limit, 40u);
  EXPECT_EQ(Poll(), nullptr);
  EXPECT_THAT(log_.lines, SizeIs(1));
}

// An editor or a copy empties it before it writes: without limits, mail would go out as if there were none.
TEST_F(ShapingWatchTest, AFileThatIsBeingRewrittenAtTheFirstLookIsNotTakenForAnEmptyOne) {
  Write("");
  EXPECT_EQ(Poll(), nullptr);
  Write("[\"default\"]\nconnection_limit = 3\n");
  EXPECT_EQ(Poll(), nullptr);
  const auto written = Poll();
  ASSERT_NE(written, nullptr);
  EXPECT_EQ(written->For("x.org", {}, "s").connection_limit, 3u);
}

TEST_F(ShapingWatchTest, AFileThatIsWrongChangesNothingAndIsNamedOnce) {
  Write("");
  TakeUp();
  Write("[\"default\"]\nconnection_limt = 3\n");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Poll(), nullptr);
  ASSERT_THAT(log_.lines, SizeIs(1));
  EXPECT_THAT(log_.lines[0], HasSubstr("connection_limt"));
}

TEST_F(ShapingWatchTest, KeysWithoutEffectThatAreNewAreToldOnce) {
  const std::string known = "[\"default\"]\nopenssl_options = \"x\"\n";
  Write(known);
  std::vector<std::string> warnings;
  const config::Shaping loaded = *config::Shaping::Load(std::vector<std::string>{path_}, warnings);
  ASSERT_THAT(warnings, SizeIs(1));
  ShapingWatch watch(With({path_}), loaded, warnings);
  const auto poll = [&] {
    now_ = now_ + base::Duration::Seconds(2);
    return watch.Poll(now_, log_) != nullptr;
  };
  const auto write_and_read = [&](const std::string& text) {
    Write(text);
    EXPECT_FALSE(poll());
    EXPECT_TRUE(poll());
  };
  write_and_read("# One line more, but nothing else, since they were loaded.\n" + known);
  EXPECT_THAT(log_.lines, IsEmpty());
  write_and_read(known + "additional_message_rate_throttles = {}\n");
  ASSERT_THAT(log_.lines, SizeIs(2)) << "that they have changed, and the warning";
  EXPECT_THAT(log_.lines[1], HasSubstr(":3: additional_message_rate_throttles"));
  write_and_read("\n\n" + known + "additional_message_rate_throttles = {}\n");
  EXPECT_THAT(log_.lines, SizeIs(3)) << "that they have changed again";
}

// Keys, and what a rule cannot set; in whichever line they are.
TEST_F(ShapingWatchTest, WhatIsWithoutEffectIsToldOnce) {
  const std::string rule = "[[\"default\".automation]]\nregex = \"x\"\nduration = \"1h\"\naction = {SetConfig={name=";
  const std::string key = "[\"default\"]\nmax_ready = 7\n",
                    enable_tls = rule + "\"enable_tls\", value=\"Disabled\"}}\n",
                    replace_base = rule + "\"replace_base\", value=true}}\n";
  const auto told_of = [this](const std::string& text) {
    log_.lines.clear();
    Write(text);
    for (int i = 0; i < 4; ++i) (void)Poll();
    std::erase(log_.lines, "the shaping files have changed; their limits and rates hold from now on");
    return log_.lines;
  };
  EXPECT_THAT(told_of(enable_tls), testing::ElementsAre(HasSubstr("shaping.toml:4: a rule's enable_tls is without")));
  EXPECT_THAT(told_of("# Moved.\n" + enable_tls), IsEmpty());
  EXPECT_THAT(told_of(enable_tls + replace_base),
              testing::ElementsAre(HasSubstr("shaping.toml:8: a rule's replace_base is without effect")));
  EXPECT_THAT(told_of(key + enable_tls + replace_base),
              testing::ElementsAre(HasSubstr("shaping.toml:2: max_ready is")));
  EXPECT_THAT(told_of(""), IsEmpty());
  EXPECT_THAT(told_of(key + enable_tls + replace_base), IsEmpty());
}

// They are read once, and whoever has not asked for a while hears of the last change.
TEST_F(ShapingWatchTest, AllCampaignsOfAProgramShareOne) {
  SharedShapingWatch shared(With({path_}), Parse(""));
  std::uint64_t seen[2] = {};
  const auto poll = [&](int campaign) {
    now_ = now_ + base::Duration::Seconds(2);
    return shared.Poll(seen[campaign], now_, log_);
  };
  Write("");
  EXPECT_EQ(poll(0), nullptr);
  ASSERT_NE(poll(0), nullptr);
  for (const std::uint32_t limit : {30u, 4u}) {
    Write("[\"default\"]\nconnection_limit = " + std::to_string(limit) + "\n");
    EXPECT_EQ(poll(0), nullptr);
    const auto first = poll(0);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->For("x.org", {}, "s").connection_limit, limit);
    EXPECT_EQ(poll(0), nullptr);
    if (limit != 4) continue;
    EXPECT_EQ(poll(1), first);
    EXPECT_EQ(poll(1), nullptr);
  }
  EXPECT_THAT(log_.lines, SizeIs(2));
}

TEST_F(ShapingWatchTest, WithoutFilesThereIsNothingToSee) {
  ShapingWatch none(With({}), Parse(""));
  EXPECT_EQ(none.Poll(now_ + base::Duration::Hours(1), log_), nullptr);
  EXPECT_THAT(log_.lines, IsEmpty());
}

// The DNS gives no answer: nothing listens at the port, or who listens is silent.
TEST_F(ShapingWatchTest, WithoutAnAnswerTheKnownMailExchangersStay) {
  const std::vector<config::MailHost> hosts = {{"mx.example", {}}};
  config::Shaping known = Parse("[\"one.example\"]\nconnection_limit = 3\n");
  known.SetRollupHosts("one.example", hosts);
  config::Config config = With({path_});
  config.dns.servers = {"127.0.0.1:1"};
  ShapingWatch watch(config, known);
  for (const std::uint32_t limit : {3u, 4u}) {
    Write("[\"one.example\"]\nconnection_limit = " + std::to_string(limit) + "\n# " + std::string(limit, 'x') + "\n");
    std::shared_ptr<const config::Shaping> shaping;
    const auto end = io::SystemClock().Now() + base::Duration::Seconds(30);
    while (shaping == nullptr && io::SystemClock().Now() < end) {
      now_ = now_ + base::Duration::Seconds(2);
      shaping = watch.Poll(now_, log_);
      std::this_thread::yield();
    }
    ASSERT_NE(shaping, nullptr);
    EXPECT_EQ(shaping->For("other.example", hosts, "s").connection_limit, limit);
  }
}

// To look at all sites again would cost, and change nothing.
TEST_F(ShapingWatchTest, WhereTheLookUpSaysTheSameNothingIsNew) {
  Write("[\"one.example\"]\nconnection_limit = 3\n");
  config::Config config = With({path_});
  config.dns.servers = {"127.0.0.1:1"};
  ShapingWatch watch(config, Parse("[\"one.example\"]\nconnection_limit = 3\n"));
  int looked_up = 0, told = 0;
  EXPECT_EQ(watch.Poll(now_, log_), nullptr);
  for (int i = 0; i < 3; ++i) {
    now_ = now_ + base::Duration::Hours(1);
    told += watch.Poll(now_, log_) != nullptr ? 1 : 0;
    looked_up += watch.IsLookingUp() ? 1 : 0;
    while (watch.IsLookingUp()) {
      std::this_thread::yield();
      told += watch.Poll(now_, log_) != nullptr ? 1 : 0;
    }
  }
  EXPECT_EQ(looked_up, 3);
  EXPECT_EQ(told, 1) << "that of the first look at the files";
}

TEST_F(ShapingWatchTest, ItsEndDoesNotWaitForTheDns) {
  const int silent = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(silent, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&address), &size), 0);
  config::Config config = With({path_});
  config.dns.servers = {"127.0.0.1:" + std::to_string(ntohs(address.sin_port))};
  Write("[\"one.example\"]\nconnection_limit = 3\n");
  const auto begin = io::SystemClock().Now();
  {
    ShapingWatch watch(config, Parse(""));
    EXPECT_EQ(watch.Poll(now_, log_), nullptr);
    EXPECT_EQ(watch.Poll(now_ + base::Duration::Seconds(2), log_), nullptr);
    EXPECT_TRUE(watch.IsLookingUp());
  }
  EXPECT_LT(io::SystemClock().Now() - begin, base::Duration::Milliseconds(4500));  // It would be five seconds.
  close(silent);
}

}  // namespace
}  // namespace engine
