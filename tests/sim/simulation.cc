#include "tests/sim/simulation.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/config/shaping.h"
#include "engine/ledger/verify.h"
#include "nlohmann/json.hpp"
#include "tests/sim/campaign.h"
#include "tests/sim/engine_process.h"
#include "tests/sim/limit_checks.h"
#include "tests/sim/random_personality.h"
#include "tests/sim/residual_risk.h"
#include "tests/sim/sim_tls.h"
#include "tests/sim/tls_checks.h"
#include "tests/unit/dkim/naive_verifier.h"
#include "tools/sandbox/exchanger.h"

namespace sim {
namespace {

constexpr std::uint64_t kEventsMax = 3'000'000;
constexpr base::Duration kTimeMax = base::Duration::Hours(24 * 6);
constexpr int kCrashesMax = 6;

class LastLineLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view line) override { last = line; }
  std::string last;
};

// Everything of one simulated campaign.
class Simulation {
 public:
  explicit Simulation(const Settings& settings)
      : settings_(settings),
        world_(settings.seed),
        network_options_(RandomNetwork(world_.prng())),
        network_(world_, network_options_),
        server_clock_(world_) {}
  Findings Run();

 private:
  void MakeCampaign();
  void MakePolicies(std::uint64_t domains);
  void MakeKeys();
  void CheckMessage(const std::string& recipient, const std::string& content);
  void StartServers();
  void ServeTurn();
  void WantServeTurn(base::Instant at);
  void StartProcess();
  void PlanCrash();
  void Crash();
  void Watch();
  void CheckLedger();
  void CheckOracle(const ledger::StateTable& table);
  void Violation(std::string text) {
    if (findings_.violations.size() < 20) findings_.violations.push_back(std::move(text));
  }

  const Settings settings_;
  World world_;
  const Network::Options network_options_;
  Network network_;
  CrashDisk disk_;
  Findings findings_;
  bool over_ = false;

  // The receiving side.
  std::unique_ptr<sandbox::Personality> personality_;
  std::unique_ptr<sandbox::Zone> zone_;
  Names names_;
  WorldClock server_clock_;
  std::unique_ptr<SimIo> server_io_;
  std::unique_ptr<io::TimerWheel> server_timers_;
  std::unique_ptr<SimTlsServer> tls_server_;  // Null: nobody offers STARTTLS.
  std::unique_ptr<sandbox::Exchanger> exchanger_;
  base::Instant serve_at_ = base::Instant::Never();
  std::uint16_t port_ = 0;

  // The sending side.
  std::unique_ptr<Campaign> campaign_;
  config::Shaping shaping_;
  TlsChecks tls_checks_{[this](std::string violation) { Violation("TLS: " + violation); }};
  LimitChecks limit_checks_{[this](std::string violation) { Violation("limits: " + violation); }};
  EngineProcess::KeptLimits host_limits_;  // What the last program left.
  std::unique_ptr<delivery::Job> job_;
  LastLineLog log_;
  EngineProcess::Options process_options_;
  std::unique_ptr<EngineProcess> process_;
  std::uint64_t process_number_ = 0;
  std::uint64_t reported_ = 0;  // Finals that were told before the last crash, of all runs.
};

void Simulation::MakeCampaign() {
  base::Prng& prng = world_.prng();
  CHECK(disk_.MakeDirectories(kLedgerFolder).ok());
  Campaign::Options options;
  const std::uint64_t count = 5 + prng.Below(120), domains = 1 + prng.Below(12);
  for (std::uint64_t row = 1; row <= count; ++row)
    options.addresses.push_back(absl::StrFormat("user%d@d%d.example", row, prng.Below(domains)));
  options.body += std::string(prng.Below(3000), '.') + "\n";
  options.manifest.campaign_hash = kCampaignHash;
  campaign_ = std::make_unique<Campaign>(disk_, kStateFolder, std::move(options));
  CHECK(disk_.SyncDirectory(kLedgerFolder).ok());
  job_ = std::make_unique<delivery::Job>(campaign_->MakeJob());
  job_->shaping = &shaping_;
  MakePolicies(domains);
  job_->port = port_;
  if (prng.Chance(0.3))
    job_->finish_by = world_.wall_now() + base::Duration::Minutes(static_cast<std::int64_t>(1 + prng.Below(600)));
  if (prng.Chance(0.15))
    job_->max_message_rate = base::Rate{1 + prng.Below(50), base::Duration::Seconds(1), 1 + prng.Below(20)};
}

// Where a receiver never satisfies a policy, recipients come back until they are too old: that is not to take days.
void Simulation::MakePolicies(std::uint64_t domains) {
  base::Prng& prng = world_.prng();
  std::string text = tls_checks_.Draw(prng, domains);
  text += limit_checks_.Draw(prng, *personality_);
  std::vector<std::string> warnings;
  absl::StatusOr<config::Shaping> shaping =
      config::Shaping::Parse({{{"shaping", text}, {"in flight", RandomInFlight(prng)}}}, warnings);
  CHECK(shaping.ok() && warnings.empty());
  shaping_ = *std::move(shaping);
  job_->tls_least = {prng.Chance(0.1) ? tls::Policy::Use::kAlways : tls::Policy::Use::kNever,
                     tls::Policy::Verification::kNone};
  tls_checks_.SetLeast(job_->tls_least);
  job_->max_age = base::Duration::Minutes(static_cast<std::int64_t>(30 + prng.Below(prng.Chance(0.8) ? 300 : 1500)));
}

void Simulation::MakeKeys() {
  base::Prng& prng = world_.prng();
  constexpr dkim::Canonicalization kModes[] = {dkim::Canonicalization::kSimple, dkim::Canonicalization::kRelaxed};
  for (std::uint64_t n = prng.Below(3); n > 0; --n) {
    dkim::SigningKey key;
    key.spec.domain = absl::StrFormat("s%d.example", n);
    key.spec.selector = "s";
    key.spec.header = kModes[prng.Below(2)];
    key.spec.body = kModes[prng.Below(2)];
    job_->keys.push_back(key);
  }
  if (!job_->keys.empty() && prng.Chance(0.3))
    campaign_->Seal(disk_, *job_, prng, world_.wall_now(), SimSigner::SignatureOf);
  if (prng.Chance(0.1)) process_options_.sign_fail_share = 0.01;
  if (prng.Chance(0.3)) process_options_.sign_longest = base::Duration::Seconds(3);
}

// What a mail exchanger has accepted is that recipient's message, and each of its signatures is one of this message.
void Simulation::CheckMessage(const std::string& recipient, const std::string& content) {
  if (content.find("\r\nTo: " + recipient + "\r\n") == std::string::npos)
    Violation(recipient + " got a message that is not addressed to it");
  const std::vector<dkim::testing::CheckedSignature> signatures = dkim::testing::CheckSignatures(content);
  if (signatures.size() != job_->keys.size())
    return Violation(absl::StrFormat("%s got %d signatures", recipient, signatures.size()));
  for (std::uint32_t key = 0; key < signatures.size(); ++key) {
    const bool good = signatures[key].body_hash_fits && signatures[key].tags.at("d") == job_->keys[key].spec.domain &&
                      signatures[key].signature == SimSigner::SignatureOf(key, signatures[key].digest);
    if (!good) Violation(absl::StrFormat("signature %d of the message to %s is not of this message", key, recipient));
  }
}

void Simulation::StartServers() {
  absl::StatusOr<sandbox::Personality> personality =
      sandbox::ParsePersonality(RandomPersonality(world_.prng()), "personality");
  CHECK(personality.ok());
  personality_ = std::make_unique<sandbox::Personality>(*std::move(personality));
  zone_ = std::make_unique<sandbox::Zone>(*personality_);
  names_ = NamesOf(world_, *zone_);
  server_io_ = std::make_unique<SimIo>(network_);
  server_io_->SetAfterEvent([this] { WantServeTurn(server_timers_->NextAt()); });
  server_timers_ = std::make_unique<io::TimerWheel>(world_.now());
  base::Prng& prng = world_.prng();
  if (prng.Chance(0.7)) tls_server_ = std::make_unique<SimTlsServer>(world_, prng.Chance(0.4) ? 0.2 : 0);
  const bool tampered = prng.Chance(0.3);
  if (tampered) {  // Somebody slips a reply in, behind the one to STARTTLS.
    network_.SetTamper([this](std::string& bytes) {
      if (bytes.ends_with("Ready to start TLS\r\n") && world_.prng().Chance(0.1)) bytes += "250 2.0.0 Hello\r\n";
    });
  }
  exchanger_ = std::make_unique<sandbox::Exchanger>(sandbox::Loop{*server_io_, *server_timers_, server_clock_},
                                                    *personality_, *zone_, tls_server_.get());
  const bool tls_fails =
      tampered || network_options_.reset_share > 0 || (tls_server_ != nullptr && tls_server_->fault_share() > 0);
  exchanger_->ShowRecipients([this, tls_fails](std::size_t provider, const sandbox::Transaction& transaction) {
    limit_checks_.OnRecipient(provider, world_.now());
    tls_checks_.CheckRecipient(transaction.recipient, transaction.encrypted,
                               TlsChecks::HostOf(personality_->providers[provider], tls_server_ != nullptr, tls_fails));
  });
  exchanger_->ShowMessages(
      [this](const std::string& recipient, const std::string& content) { CheckMessage(recipient, content); });
  const absl::StatusOr<std::uint16_t> port = exchanger_->Listen();
  CHECK(port.ok());
  port_ = *port;
  WantServeTurn(server_timers_->NextAt());
}

void Simulation::WantServeTurn(base::Instant at) {
  if (at.IsNever() || serve_at_ <= at) return;
  serve_at_ = at;
  world_.At(at, [this, at] {
    if (serve_at_ != at) return;
    serve_at_ = base::Instant::Never();
    ServeTurn();
  });
}

void Simulation::ServeTurn() {
  server_timers_->Advance(world_.now());
  WantServeTurn(std::max(server_timers_->NextAt(), world_.now() + base::Duration::Microseconds(100)));
}

// ---- the life of the sending process ----

void Simulation::StartProcess() {
  ++process_number_;
  process_ = std::make_unique<EngineProcess>(
      EngineProcess::Surroundings{world_, network_, names_, disk_, log_, nullptr, nullptr, &host_limits_}, *job_,
      process_options_);
  std::string why;
  if (!process_->Start(why)) {
    Violation("recovery failed: " + why);
    over_ = true;
    return;
  }
  // Whatever was told before the crash must be there after it.
  if (process_->finals_at_start() < reported_) {
    Violation(absl::StrFormat("%d final states were told, %d are left after the crash", reported_,
                              process_->finals_at_start()));
  }
  if (findings_.crashes < kCrashesMax) PlanCrash();
}

void Simulation::PlanCrash() {
  base::Prng& prng = world_.prng();
  if (!prng.Chance(0.85)) return;
  const std::uint64_t number = process_number_;
  // Soon after the start, when most is in flight, or much later.
  const base::Duration wait = prng.Chance(0.7)
                                  ? world_.Between(base::Duration::Milliseconds(1), base::Duration::Seconds(3))
                                  : world_.Between(base::Duration::Seconds(1), base::Duration::Hours(2));
  world_.After(wait, [this, number] {
    if (over_ || process_ == nullptr || process_number_ != number) return;
    if (world_.prng().Chance(0.5)) {
      disk_.FailAfter(world_.prng().Below(6));  // In the middle of what the journal does next.
      return;
    }
    Crash();
  });
}

void Simulation::Crash() {
  ++findings_.crashes;
  reported_ = process_->finals_at_start() + process_->reported().finals();
  world_.Note("crash", reported_);
  process_.reset();
  disk_.FailAfter(std::nullopt);
  disk_.Crash(world_.prng());
  world_.After(world_.Between(base::Duration::Milliseconds(1), base::Duration::Seconds(30)), [this] {
    if (!over_) StartProcess();
  });
}

// After every event: has something come to an end?
void Simulation::Watch() {
  if (process_ == nullptr) return;
  if (process_->HasFailed()) {
    Crash();
    return;
  }
  if (process_->IsDone() || process_->IsPaused()) {
    findings_.end = process_->IsDone() ? "finished" : "paused";
    over_ = true;
  }
}

// ---- checkers ----

void Simulation::CheckLedger() {
  const std::uint64_t recipients = campaign_->roster().recipients();
  std::string memory(ledger::StateTable::Bytes(recipients), '\0');
  ledger::StateTable table(memory.data(), recipients);
  const absl::StatusOr<ledger::Verification> verification =
      ledger::Verify(disk_, kLedgerFolder, kCampaignHash, table, /*live=*/false);
  if (!verification.ok()) {
    Violation("the ledger cannot be read: " + std::string(verification.status().message()));
    return;
  }
  for (const std::string& finding : verification->findings) Violation("ledger: " + finding);
  for (ledger::RecipientId id = 0; id < recipients; ++id) {
    switch (table[id].state) {
      case ledger::State::kUnattempted:
      case ledger::State::kDeferred:
        ++findings_.pending;
        break;
      case ledger::State::kDelivered:
        ++findings_.delivered;
        break;
      case ledger::State::kBounced:
        ++findings_.bounced;
        break;
      case ledger::State::kExpired:
        ++findings_.expired;
        break;
      case ledger::State::kInDoubt:
        ++findings_.in_doubt;
        break;
      case ledger::State::kWithdrawn:
      case ledger::State::kCancelled:
        Violation(absl::StrFormat("recipient %d is in a state that nobody asked for", id));
        break;
    }
  }
  if (findings_.end == "finished" && findings_.pending > 0)
    Violation(absl::StrFormat("finished, with %d pending", findings_.pending));
  CheckOracle(table);
  tls_checks_.CheckLedger(disk_, campaign_->roster());
  findings_.encrypted = exchanger_->totals().encrypted_messages;
  findings_.resumed = exchanger_->totals().resumed;
}

void Simulation::CheckOracle(const ledger::StateTable& table) {
  CHECK(exchanger_->oracle().Write(disk_, "/oracle.ndjson").ok());
  absl::StatusOr<std::string> text = io::ReadFile(disk_, "/oracle.ndjson", 1u << 26);
  CHECK(text.ok());
  std::map<std::string, std::uint64_t> accepted, silent;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const nlohmann::json row = nlohmann::json::parse(line);
    accepted[row.at("address")] = row.at("accepted");
    silent[row.at("address")] = row.at("accepted_silent");
  }
  const std::map<ledger::RecipientId, std::uint64_t> risks = ResidualRisks(disk_);
  for (ledger::RecipientId id = 0; id < campaign_->roster().recipients(); ++id) {
    const std::string address(campaign_->roster().Recipient(id).address);
    const std::uint64_t copies = accepted[address] + silent[address];
    const std::uint64_t allowed = 1 + (risks.contains(id) ? risks.at(id) : 0);
    if (copies > allowed) Violation(absl::StrFormat("%s was accepted %d times", address, copies));
    const ledger::State state = table[id].state;
    if (state == ledger::State::kDelivered && copies == 0)
      Violation(address + " is delivered, and no exchanger has it");
    if (state != ledger::State::kDelivered && state != ledger::State::kInDoubt && copies >= allowed) {
      Violation(absl::StrFormat("%s was accepted, and its state is %d", address, static_cast<int>(state)));
    }
  }
  for (const std::string& kind : exchanger_->totals().violation_kinds) Violation("SMTP: " + kind);
}

Findings Simulation::Run() {
  StartServers();
  MakeCampaign();
  MakeKeys();
  base::Prng& prng = world_.prng();
  process_options_.shards = static_cast<std::uint32_t>(1 + prng.Below(3));
  process_options_.seed = prng.Next();
  process_options_.dns_fail_share = prng.Chance(0.3) ? 0.1 : 0;
  process_options_.commit_longest =
      prng.Chance(0.5) ? base::Duration::Milliseconds(2) : base::Duration::Milliseconds(60);
  process_options_.bugs = settings_.bugs;
  findings_.recipients = campaign_->roster().recipients();
  StartProcess();
  std::uint64_t events = 0;
  while (!over_ && world_.now() < base::Instant::FromNanoseconds(kTimeMax.nanoseconds()) && ++events < kEventsMax &&
         world_.Step())
    Watch();
  if (!over_) {
    findings_.end = "time is over";
    Violation(absl::StrFormat("it did not come to an end (%d events, %d s); the last it said: %s", events,
                              world_.now().nanoseconds() / 1'000'000'000, log_.last));
  }
  over_ = true;
  disk_.FailAfter(std::nullopt);  // A failure that was planned is too late; and the checkers write, too.
  if (process_ != nullptr) {      // Ends in order: nothing may be left open.
    process_->Drain();
    const base::Instant patience = world_.now() + base::Duration::Hours(2);
    while (!process_->IsStopped() && world_.now() < patience && world_.Step()) {
    }
    if (!process_->IsStopped()) Violation("it does not drain");
    if (process_->open_sessions() > 0) Violation("sessions are open after the drain");
  }
  process_.reset();
  CheckLedger();
  findings_.trace = world_.trace();
  exchanger_.reset();
  server_io_.reset();
  if (network_.open_sides() > 0) Violation("connections are left open");
  return std::move(findings_);
}

}  // namespace

Findings Simulate(const Settings& settings) { return Simulation(settings).Run(); }

}  // namespace sim
