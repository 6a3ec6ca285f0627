#include "engine/notifier.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace engine {
namespace {

using base::Duration;
using base::Instant;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Lines final : public base::Log {
 public:
  void Write(base::Severity, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class NotifierTest : public testing::Test {
 protected:
  void TearDown() override { std::remove(file_.c_str()); }
  void SetUp() override {
    campaign_.id = "id";
    campaign_.name = "$(false) 'name'";
    file_ = testing::TempDir() + absl::StrFormat("/notifier.%d", ::getpid());
    std::remove(file_.c_str());
  }
  std::string Told() const {
    std::ostringstream text;
    text << std::ifstream(file_).rdbuf();
    return text.str();
  }
  static bool Never() { return false; }

  // The first of three recipients was delivered to, the others' mail bounced.
  ledger::StateTable Table() {
    memory_.assign(ledger::StateTable::Bytes(3), '\0');
    ledger::StateTable table(memory_.data(), 3);
    for (ledger::RecipientId id = 0; id < 3; ++id)
      table[id].state = id == 0 ? ledger::State::kDelivered : ledger::State::kBounced;
    return table;
  }
  static delivery::PauseReason Pause(const std::string& reason) {
    return {.by = "auth", .reason = reason, .sample = "", .scope = {.provider = "big", .source = ""}};
  }

  campaign::Campaign campaign_;
  std::string memory_;
  std::string file_;
  Lines log_;
};

TEST_F(NotifierTest, TellsEachEventAsALineOfJson) {
  Notifier notifier("cat >> " + file_, campaign_, true, log_);
  notifier.OnSuspended({"mx.test", "big", "ip-1", "", base::WallTime::FromSeconds(60), "SpamBlock", "550 \"no\""});
  notifier.OnPaused(Pause("why"));
  notifier.OnFinished(Table());
  notifier.TellRest(Never);
  std::istringstream lines(Told());
  std::vector<nlohmann::json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0]["event"], "suspended");
  EXPECT_EQ(events[0]["sample_replies"][0], "550 \"no\"");
  EXPECT_EQ(events[0]["until"], "1970-01-01T00:01:00Z");
  EXPECT_EQ(events[1]["scope"], "provider:big");
  EXPECT_EQ(events[2]["totals"]["bounced"], 2);
  for (const nlohmann::json& event : events) {
    EXPECT_EQ(event["campaign"], "id");
    EXPECT_EQ(event["name"], "$(false) 'name'");
    EXPECT_EQ(event["rehearsal"], true);
  }
  EXPECT_THAT(log_.lines, IsEmpty());
}

TEST_F(NotifierTest, TheCommandKnowsNothingOfOurEnvironment) {
  setenv("SLUICE_SECRET", "x", 1);
  Notifier notifier("env > " + file_, campaign_, true, log_);
  notifier.OnFinished(Table());
  notifier.TellRest(Never);
  unsetenv("SLUICE_SECRET");
  EXPECT_THAT(Told(), HasSubstr("PATH="));
  EXPECT_THAT(Told(), testing::Not(HasSubstr("SLUICE_SECRET")));
}

TEST_F(NotifierTest, OneThatDoesNotEndIsKilledWithItsChildrenAndTheNextOneRuns) {
  Notifier notifier("read line; case $line in *first*) sleep 1000 & sleep 1000;; *) cat > " + file_ +
                        "; echo done >> " + file_ + ";; esac",
                    campaign_, true, log_);
  notifier.OnPaused(Pause("first"));
  notifier.OnPaused(Pause("second"));
  const Instant start = io::SystemClock().Now();
  notifier.Serve(start);
  notifier.Serve(start + Duration::Seconds(29));
  EXPECT_THAT(log_.lines, IsEmpty());
  notifier.Serve(start + Duration::Seconds(30));
  EXPECT_THAT(log_.lines, ElementsAre("notify.command: killed after 30 s"));
  notifier.TellRest(Never);
  EXPECT_EQ(Told(), "done\n");
}

TEST_F(NotifierTest, AFailureIsAWarning) {
  Notifier notifier("exit 3", campaign_, true, log_);
  notifier.OnFinished(Table());
  notifier.TellRest(Never);
  EXPECT_THAT(log_.lines, ElementsAre("notify.command: exit code 3"));
}

TEST_F(NotifierTest, TheOldestGoWhereThereAreTooMany) {
  Notifier notifier("cat >> " + file_, campaign_, true, log_);
  for (std::size_t i = 0; i < Notifier::kQueueMax + 3; ++i) notifier.OnPaused(Pause(absl::StrFormat("n%d", i)));
  EXPECT_EQ(log_.lines.size(), 1U);
  notifier.TellRest(Never);
  EXPECT_THAT(Told(), testing::Not(HasSubstr("\"n2\"")));
  EXPECT_THAT(Told(), HasSubstr("\"n3\""));
  EXPECT_THAT(Told(), HasSubstr("\"n102\""));
}

TEST_F(NotifierTest, WhoIsInAHurryWaitsForNoCommand) {
  Notifier notifier("sleep 1000", campaign_, true, log_);
  notifier.OnFinished(Table());
  notifier.TellRest([] { return true; });
  EXPECT_THAT(log_.lines, ElementsAre(HasSubstr("it was killed")));
}

}  // namespace
}  // namespace engine
