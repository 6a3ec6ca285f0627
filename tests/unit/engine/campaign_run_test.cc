// Whole campaigns with the real threads: shards, journal and watcher, against a sandbox.
#include "engine/campaign_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_format.h"
#include "engine/dkim/private_key.h"
#include "engine/ledger/recovery.h"
#include "engine/ledger/verify.h"
#include "nlohmann/json.hpp"
#include "tests/unit/engine/sandbox_thread.h"

namespace engine {
namespace {

constexpr char kCampaign[] = R"toml(format = 1
id = "threads"
kind = "transactional"
[from]
address = "news@example.com"
[envelope]
sender = "bounce+{{token}}@bounces.example.com"
[message]
subject = "Hello"
text = "This is for {{email}}.\n"
[recipients]
file = "rows.csv"
[delivery.budget]
bounce = "off"
)toml";

constexpr char kRough[] = R"toml(format = 1
name = "rough"
[provider.a]
weight = 1
mx = ["mx.a.example"]
reply_delay = "1ms"
hang_up = { content_lost = "1%", mail = "1%" }
[[provider.a.reply]]
at = "rcpt"
reply = "450 4.2.0 later"
share = "10%"
attempts = 1
[provider.b]
weight = 1
messages_per_connection = 7
unknown_users = "5%"
)toml";

class Observer final : public RunObserver {
 public:
  int Stops() override { return stops; }
  void OnProgress(const delivery::Counters& counters, std::uint32_t) override {
    if (stop_after != 0 && counters.finals() >= stop_after) stops = stop_how;
  }
  bool OnPreparing(std::uint64_t, std::uint64_t) override { return true; }
  void OnStart(std::uint64_t, std::uint64_t finals) override { finals_at_start = finals; }

  std::uint64_t stop_after = 0;
  int stop_how = 1;
  std::uint64_t finals_at_start = 0;
  int stops = 0;
};

class CampaignRunTest : public testing::TestWithParam<io::Backend> {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + absl::StrFormat("/campaign_run.%d.%d", ::getpid(), static_cast<int>(GetParam()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/c.toml") << kCampaign;
    const dkim::Crypto crypto;
    std::ofstream(folder_ + "/key.pem")
        << *(*dkim::PrivateKey::Generate(dkim::Algorithm::kEd25519Sha256, crypto))->ToPem();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void MakeRows(int count) {
    std::ofstream rows(folder_ + "/rows.csv");
    rows << "email\n";
    for (int i = 0; i < count; ++i) rows << absl::StrFormat("user%d@d%d.example\n", i, i % 37);
  }

  RunOutcome Send(const SandboxThread& sandbox, Observer& observer) {
    absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(folder_ + "/c.toml");
    EXPECT_TRUE(campaign.ok()) << campaign.status();
    config::Config config;
    config.engine.io = GetParam() == io::Backend::kEpoll ? config::IoChoice::kEpoll : config::IoChoice::kIoUring;
    config.dns.servers = {sandbox.ports().dns.ToString()};
    config.dns.max_queries_per_second = 10'000;
    config.smtp.port = sandbox.ports().smtp;
    config.smtp.ehlo_domain = "mta.example.com";
    config.allow_private_destinations = true;
    config.retry_intervals = {base::Duration::Seconds(1)};
    config::DkimKey& key = config.dkim.emplace_back();
    key.domain = "example.com";
    key.selector = "s1";
    key.key_file = folder_ + "/key.pem";
    const config::Shaping shaping;
    RunRequest request;
    request.campaign = &*campaign;
    request.config = &config;
    request.shaping = &shaping;
    request.paths = PathsOf(folder_ + "/state", "threads", "");
    request.token_key_file = folder_ + "/state/token.key";
    request.shards = 3;
    request.preflight = preflight_;
    request.dkim_watch = dkim_watch_;
    return RunCampaign(*disk_, request, observer, log_);
  }

  // What the ledger says of each state, checked on the way.
  std::map<ledger::State, std::uint64_t> States() {
    const StatePaths paths = PathsOf(folder_ + "/state", "threads", "");
    const auto started = OpenStarted(*disk_, paths, folder_ + "/state/token.key");
    EXPECT_TRUE(started.ok()) << started.status();
    const std::uint64_t recipients = started->roster->recipients();
    std::string memory(ledger::StateTable::Bytes(recipients), '\0');
    ledger::StateTable table(memory.data(), recipients);
    const auto verification = ledger::Verify(*disk_, paths.ledger(), started->hash(), table, /*live=*/false);
    EXPECT_TRUE(verification.ok()) << verification.status();
    for (const std::string& finding : verification->findings) ADD_FAILURE() << finding;
    std::map<ledger::State, std::uint64_t> states;
    for (ledger::RecipientId id = 0; id < recipients; ++id) ++states[table[id].state];
    return states;
  }

  // Copies that the exchangers accepted; nobody may have two.
  static std::uint64_t Accepted(const SandboxThread& sandbox) {
    std::uint64_t accepted = 0;
    std::string_view rest = sandbox.oracle();
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      const nlohmann::json row = nlohmann::json::parse(line);
      const std::uint64_t copies = row["accepted"].get<std::uint64_t>() + row["accepted_silent"].get<std::uint64_t>();
      EXPECT_LE(copies, 1u) << row["address"];
      accepted += copies;
    }
    return accepted;
  }

  const std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
  SilentLog log_;
  std::string folder_;
  Preflight preflight_ = Preflight::kNone;
  std::optional<DkimWatch::Times> dkim_watch_;
};

INSTANTIATE_TEST_SUITE_P(Backend, CampaignRunTest, testing::Values(io::Backend::kIoUring, io::Backend::kEpoll),
                         [](const auto& test) { return test.param == io::Backend::kEpoll ? "Epoll" : "IoUring"; });

TEST_P(CampaignRunTest, BringsEverybodyToAnEndThroughARoughInternet) {
  MakeRows(900);
  SandboxThread sandbox(*sandbox::ParsePersonality(kRough, "rough"), GetParam());
  Observer observer;
  const RunOutcome outcome = Send(sandbox, observer);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.problem;
  auto states = States();
  EXPECT_EQ(states[ledger::State::kDelivered] + states[ledger::State::kBounced] + states[ledger::State::kInDoubt],
            900u);
  EXPECT_GT(states[ledger::State::kBounced], 0u);
  sandbox.Stop();
  const std::uint64_t accepted = Accepted(sandbox);
  EXPECT_LE(states[ledger::State::kDelivered], accepted);
  EXPECT_LE(accepted, states[ledger::State::kDelivered] + states[ledger::State::kInDoubt]);
}

TEST_P(CampaignRunTest, StopsInOrderAndGoesOnWhereItStopped) {
  MakeRows(3000);
  SandboxThread sandbox(*sandbox::ParsePersonality(kRough, "rough"), GetParam());
  Observer first;
  first.stop_after = 1;
  EXPECT_EQ(Send(sandbox, first).exit_code, 4);
  const std::uint64_t pending = States()[ledger::State::kUnattempted];
  EXPECT_GT(pending, 0u) << "it was stopped too late to prove anything";
  Observer second;
  const RunOutcome outcome = Send(sandbox, second);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.problem;
  EXPECT_GT(second.finals_at_start, 0u);
  Observer third;
  const RunOutcome again = Send(sandbox, third);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_NE(again.line.find("finished"), std::string::npos);
  sandbox.Stop();
  auto states = States();
  EXPECT_LE(Accepted(sandbox), states[ledger::State::kDelivered] + states[ledger::State::kInDoubt]);
  EXPECT_EQ(states[ledger::State::kUnattempted] + states[ledger::State::kDeferred], 0u);
}

TEST_P(CampaignRunTest, StoppedAtOnceItLeavesOnlyWhatWasInFlightInDoubt) {
  MakeRows(3000);
  SandboxThread sandbox(*sandbox::ParsePersonality(kRough, "rough"), GetParam());
  Observer first;
  first.stop_after = 1;
  first.stop_how = 2;
  EXPECT_EQ(Send(sandbox, first).exit_code, 4);
  Observer second;
  const RunOutcome outcome = Send(sandbox, second);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.problem;
  sandbox.Stop();
  auto states = States();
  EXPECT_LE(Accepted(sandbox), states[ledger::State::kDelivered] + states[ledger::State::kInDoubt]);
  EXPECT_LT(states[ledger::State::kInDoubt], 400u);  // Of 38 sites with a few sessions each.
}

TEST_P(CampaignRunTest, PausesWhereTheRecordOfItsKeyIsGone) {
  MakeRows(50);
  sandbox::Personality slow = *sandbox::ParsePersonality(
      "format = 1\nname = \"slow\"\n[provider.a]\nweight = 1\nreply_delay = \"400ms\"\n", "slow");
  SandboxThread sandbox(std::move(slow), GetParam());
  Observer observer;
  dkim_watch_ = DkimWatch::Times{base::Duration::Milliseconds(1), base::Duration::Milliseconds(1),
                                 base::Duration::Milliseconds(1)};
  const RunOutcome outcome = Send(sandbox, observer);
  EXPECT_EQ(outcome.exit_code, 6) << outcome.problem << outcome.line;
  EXPECT_NE(outcome.line.find("s1._domainkey.example.com is not published; publish: "), std::string::npos)
      << outcome.line;
  EXPECT_GT(States()[ledger::State::kUnattempted], 0u);
}

TEST_P(CampaignRunTest, BeginsOnlyWhereTheSenderIsReady) {
  MakeRows(5);
  SandboxThread sandbox(*sandbox::BuiltInPersonality("faultfree"), GetParam());
  Observer observer;
  preflight_ = Preflight::kRequire;
  const RunOutcome refused = Send(sandbox, observer);
  EXPECT_EQ(refused.exit_code, 5) << refused.line;
  EXPECT_THAT(std::string(refused.problem.message()),
              testing::HasSubstr("dkim: s1._domainkey.example.com is not published"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/state/campaigns/threads/manifest.json"));
  preflight_ = Preflight::kWarn;
  EXPECT_EQ(Send(sandbox, observer).exit_code, 0);
}

}  // namespace
}  // namespace engine
