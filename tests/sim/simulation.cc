#include "tests/sim/simulation.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/config/shaping.h"
#include "tests/sim/engine_process.h"
#include "tests/sim/kept_limits.h"
#include "tests/sim/moving_mx.h"
#include "tests/sim/provider_sites.h"
#include "tests/sim/random_personality.h"
#include "tests/sim/receiving_side.h"
#include "tests/sim/shaping_checks.h"
#include "tests/sim/simulated_campaign.h"
#include "tests/sim/source_checks.h"
#include "tests/sim/sts_checks.h"
#include "tests/sim/tls_checks.h"

namespace sim {
namespace {

constexpr std::uint64_t kEventsMax = 6'000'000;
constexpr base::Duration kTimeMax = base::Duration::Hours(24 * 6);
constexpr int kCrashesMax = 6;
constexpr base::Duration kRounded = base::Duration::Seconds(1);  // Times of the ledger.

class LastLineLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view line) override { last = line; }
  std::string last;
};

// Everything of one simulated world.
class Simulation {
 public:
  explicit Simulation(const Settings& settings)
      : settings_(settings),
        world_(settings.seed),
        network_options_(RandomNetwork(world_.prng())),
        network_(world_, network_options_),
        receivers_(std::make_unique<ReceivingSide>(world_, network_, network_options_)) {}
  Findings Run();

 private:
  // What one campaign's program is told.
  class Watcher final : public TellingWatcher {
   public:
    Watcher(Simulation& simulation, std::size_t campaign) : simulation_(simulation), campaign_(campaign) {}
    void OnAnswer(const std::string& name, dns::RecordType type, const dns::Answer& answer) override {
      simulation_.moving_.OnAnswer(campaign_, name, type, answer);
      simulation_.sts_.OnAnswer(name, type, answer);
    }
    void OnPolicy(const std::string& domain, const absl::StatusOr<std::string>& file) override {
      simulation_.sts_.OnPolicy(domain, file);
    }

   private:
    Simulation& simulation_;
    const std::size_t campaign_;
  };

  void MakeCampaigns();
  void MakeShaping(std::uint64_t domains, const std::vector<delivery::Source>& sources);
  void UseShaping(ShapingChecks::Shaping shaping);
  void MakeKeys();
  void DrawProcesses();
  void ShowToCheckers();
  void OnRecipient(const sandbox::Exchanger::Named& named);
  void StartProgram();
  void StartCampaign(std::size_t number);
  void PlanCrash();
  void Crash();
  void Watch();
  void Drain();
  void CheckEnd();
  void Violation(std::string text) {
    if (findings_.violations.size() < 20) findings_.violations.push_back(std::move(text));
  }
  std::function<void(std::string)> ReportAs(std::string_view kind) {
    return [this, kind = std::string(kind)](const std::string& violation) { Violation(kind + violation); };
  }

  const Settings settings_;
  World world_;
  const Network::Options network_options_;
  Network network_;
  CrashDisk disk_;
  Findings findings_;
  bool over_ = false;
  std::unique_ptr<ReceivingSide> receivers_;

  TlsChecks tls_checks_{ReportAs("TLS: ")};
  ShapingChecks shaping_checks_{world_, ReportAs("limits: ")};
  SourceChecks source_checks_{settings_.seed, ReportAs("limits: ")};
  MovingMx moving_{world_, ReportAs("MX: ")};
  StsChecks sts_{world_};
  Names names_;

  // The sending side.
  std::vector<ShapingChecks::Shaping> shapings_;  // The last one holds.
  std::vector<std::unique_ptr<SimulatedCampaign>> campaigns_;
  KeptLimits::Texts kept_limits_;  // What the last program left.
  std::unique_ptr<tls::StsCache> sts_cache_ = std::make_unique<tls::StsCache>();
  std::unique_ptr<KeptLimits> limits_;
  LastLineLog log_;
  EngineProcess::Options process_options_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  std::vector<std::unique_ptr<EngineProcess>> processes_;  // One for each campaign; none: the program has died.
  std::uint64_t program_number_ = 0;
};

// ---- what it is like ----

void Simulation::MakeCampaigns() {
  base::Prng& prng = world_.prng();
  const std::uint64_t domains = 1 + prng.Below(12), count = prng.Chance(0.6) ? 1 : 2 + prng.Below(2);
  const std::vector<delivery::Source> sources = RandomSources(prng);
  MakeShaping(domains, sources);
  const tls::Policy least{prng.Chance(0.1) ? tls::Policy::Use::kAlways : tls::Policy::Use::kNever,
                          tls::Policy::Verification::kNone};
  tls_checks_.SetLeast(least);
  for (std::uint32_t number = 0; number < count; ++number) {
    campaigns_.push_back(std::make_unique<SimulatedCampaign>(world_, disk_, number, domains));
    watchers_.push_back(std::make_unique<Watcher>(*this, number));
    delivery::Job& job = campaigns_.back()->job();
    job.shaping = shapings_.back().get();
    job.sources = sources;
    job.tls_least = least;
    job.port = receivers_->port();
    if (shaping_checks_.HasWarmups()) campaigns_.back()->TakeDays(prng);
    if (job.max_message_rate.has_value()) shaping_checks_.AddCampaign(number, *job.max_message_rate);
    findings_.recipients += campaigns_.back()->roster().recipients();
  }
  findings_.campaigns = count;
  MakeKeys();
}

void Simulation::MakeShaping(std::uint64_t domains, const std::vector<delivery::Source>& sources) {
  base::Prng& prng = world_.prng();
  const sandbox::Personality& personality = receivers_->personality();
  shaping_checks_.Draw(personality, sources);
  const std::string text = tls_checks_.Draw(prng, domains, /*may_part=*/shaping_checks_.empty());
  const std::size_t providers = personality.providers.size();
  std::set<std::size_t> limited;
  for (std::size_t i = 0; i < providers; ++i) {
    if (shaping_checks_.IsLimited(i)) limited.insert(i);
  }
  names_ = OverSites(NamesOf(world_, receivers_->zone()), personality);
  if (prng.Chance(0.5)) moving_.Draw(prng, domains, personality, limited);
  if (prng.Chance(0.5)) sts_.Draw(prng, domains, providers);
  names_ = sts_.Over(moving_.Over(std::move(names_)));
  shapings_.push_back(shaping_checks_.Parse({{"shaping", text}, {"in flight", RandomInFlight(prng)}}));
  shaping_checks_.PlanChanges([this](ShapingChecks::Shaping shaping) { UseShaping(std::move(shaping)); });
}

void Simulation::UseShaping(ShapingChecks::Shaping shaping) {
  for (const auto& process : processes_) process->ChangeShaping(shaping);
  for (const auto& campaign : campaigns_) campaign->job().shaping = shaping.get();
  shapings_.push_back(std::move(shaping));
}

void Simulation::MakeKeys() {
  base::Prng& prng = world_.prng();
  const std::vector<dkim::SigningKey> keys = RandomKeys(prng);
  for (const auto& campaign : campaigns_) {
    campaign->job().keys = keys;
    if (!keys.empty() && prng.Chance(0.3)) campaign->Seal();
  }
}

void Simulation::DrawProcesses() {
  base::Prng& prng = world_.prng();
  if (prng.Chance(0.1)) process_options_.sign_fail_share = 0.01;
  if (prng.Chance(0.3)) process_options_.sign_longest = base::Duration::Seconds(3);
  process_options_.shards = static_cast<std::uint32_t>(1 + prng.Below(3));
  process_options_.seed = prng.Next();
  process_options_.dns_fail_share = prng.Chance(0.3) ? 0.1 : 0;
  process_options_.commit_longest =
      prng.Chance(0.5) ? base::Duration::Milliseconds(2) : base::Duration::Milliseconds(60);
  process_options_.bugs = settings_.bugs;
}

// ---- what the receivers see ----

void Simulation::ShowToCheckers() {
  receivers_->exchanger().ShowRecipients([this](const sandbox::Exchanger::Named& named) { OnRecipient(named); });
  receivers_->exchanger().ShowRefusals([this](const sandbox::Exchanger::Named& named, std::string_view reply) {
    shaping_checks_.OnRefusal(named, reply);
  });
  receivers_->exchanger().ShowMessages([this](const std::string& recipient, const std::string& content) {
    campaigns_.at(SimulatedCampaign::NumberOf(recipient))->CheckMessage(recipient, content, ReportAs(""));
  });
  network_.ShowConnections([this](const base::IpAddress& client, const base::IpAddress& server, bool begins) {
    source_checks_.OnConnection(client, begins, world_.now());
    const auto provider = receivers_->zone().ProviderOfAddress(server);
    if (provider) shaping_checks_.OnConnection(*provider, client, server, begins);
  });
  network_.ShowBreaks([this](const base::IpAddress& client, const base::IpAddress& server) {
    const auto provider = receivers_->zone().ProviderOfAddress(server);
    if (provider) shaping_checks_.OnBreak(*provider, client, server);
  });
}

void Simulation::OnRecipient(const sandbox::Exchanger::Named& named) {
  const std::string address(named.transaction.recipient);
  const std::string domain = address.substr(address.find('@') + 1);
  const std::size_t campaign = SimulatedCampaign::NumberOf(address);
  shaping_checks_.OnRecipient(campaign, named);
  source_checks_.OnRecipient(named.client, world_.now());
  moving_.CheckRecipient(campaign, domain,
                         {named.provider, SiteOf(receivers_->personality().providers[named.provider], named.server)});
  const auto possible = sts_.PossibleAt(domain, world_.now(), moving_.Patience(domain));
  tls_checks_.CheckRecipient(address, named.transaction.encrypted, receivers_->HostOf(named.provider), named.provider,
                             possible);
  const bool enforced = !possible.empty() && std::all_of(possible.begin(), possible.end(),
                                                         [](const auto& one) { return one.providers.has_value(); });
  findings_.enforced += enforced ? 1 : 0;
}

// ---- the life of the sending program ----

void Simulation::StartProgram() {
  ++program_number_;
  shaping_checks_.OnStart();
  const std::vector<delivery::Source> sources = source_checks_.Draw(campaigns_.front()->job().sources, world_.now());
  for (const auto& campaign : campaigns_) campaign->job().sources = sources;
  limits_ = std::make_unique<KeptLimits>(world_, sources, kept_limits_);
  if (settings_.bugs.forget_settings) limits_->ForgetSettings();
  if (settings_.bugs.forget_source_rates) limits_->ForgetSourceRates();
  if (!settings_.bugs.forget_limits) CHECK(limits_->Load().ok());
  for (std::size_t number = 0; number < campaigns_.size() && !over_; ++number) StartCampaign(number);
  if (findings_.crashes < kCrashesMax) PlanCrash();
}

void Simulation::StartCampaign(std::size_t number) {
  SimulatedCampaign& campaign = *campaigns_[number];
  EngineProcess::Options options = process_options_;
  options.folder = campaign.folder();
  options.seed += number;
  processes_.push_back(std::make_unique<EngineProcess>(
      EngineProcess::Surroundings{world_, network_, names_, disk_, log_, &sts_.fetcher(), sts_cache_.get(),
                                  limits_.get(), watchers_[number].get()},
      campaign.job(), options));
  std::string why;
  if (!processes_.back()->Start(why)) {
    Violation("recovery failed: " + why);
    over_ = true;
    return;
  }
  campaign.end.clear();
  // Whatever was told before the crash must be there after it.
  if (processes_.back()->finals_at_start() < campaign.reported) {
    Violation(absl::StrFormat("%d final states were told, %d are left after the crash", campaign.reported,
                              processes_.back()->finals_at_start()));
  }
}

void Simulation::PlanCrash() {
  base::Prng& prng = world_.prng();
  if (!prng.Chance(0.85)) return;
  const std::uint64_t number = program_number_;
  // Soon after the start, when most is in flight, or much later.
  const base::Duration wait =
      prng.Chance(0.7)
          ? world_.Between(base::Duration::Milliseconds(1), base::Duration::Seconds(3))
          : world_.Between(base::Duration::Seconds(1), base::Duration::Hours(shaping_checks_.HasWarmups() ? 30 : 2));
  world_.After(wait, [this, number] {
    if (over_ || processes_.empty() || program_number_ != number) return;
    if (world_.prng().Chance(0.5)) {
      disk_.FailAfter(world_.prng().Below(6));  // In the middle of what the journals do next.
      return;
    }
    Crash();
  });
}

void Simulation::Crash() {
  ++findings_.crashes;
  std::uint64_t reported = 0;
  for (std::size_t number = 0; number < processes_.size(); ++number) {
    const EngineProcess& process = *processes_[number];
    reported += campaigns_[number]->reported = process.finals_at_start() + process.reported().finals();
  }
  world_.Note("crash", reported);
  shaping_checks_.OnCrash();
  processes_.clear();
  limits_.reset();
  disk_.FailAfter(std::nullopt);
  disk_.Crash(world_.prng());
  if (world_.prng().Chance(0.2)) {
    sts_cache_ = std::make_unique<tls::StsCache>();
    sts_.OnCacheLost();
  }
  world_.After(world_.Between(base::Duration::Milliseconds(1), base::Duration::Seconds(30)), [this] {
    if (!over_) StartProgram();
  });
}

// After every event: has something come to an end? The campaigns end one by one, and the program with the last.
void Simulation::Watch() {
  if (processes_.empty()) return;
  bool all = true;
  for (std::size_t number = 0; number < processes_.size(); ++number) {
    EngineProcess& process = *processes_[number];
    if (process.HasFailed()) {
      Crash();
      return;
    }
    std::string& end = campaigns_[number]->end;
    if (end.empty() && (process.IsDone() || process.IsPaused())) {
      end = process.IsDone() ? "finished" : "paused";
      if (campaigns_.size() > 1) process.Drain();
    }
    all = all && !end.empty();
  }
  if (!all) return;
  over_ = true;
  for (const auto& campaign : campaigns_) {
    if (findings_.end.empty() || campaign->end == "paused") findings_.end = campaign->end;
  }
}

// Ends in order: nothing may be left open.
void Simulation::Drain() {
  for (const auto& process : processes_) process->Drain();
  const base::Instant patience = world_.now() + base::Duration::Hours(2);
  const auto all_stopped = [this] {
    return std::all_of(processes_.begin(), processes_.end(), [](const auto& process) { return process->IsStopped(); });
  };
  while (!all_stopped() && world_.now() < patience && world_.Step()) {
  }
  if (!all_stopped()) Violation("it does not drain");
  for (const auto& process : processes_) {
    if (process->open_sessions() > 0) Violation("sessions are open after the drain");
  }
  processes_.clear();
}

void Simulation::CheckEnd() {
  const std::map<std::string, SimulatedCampaign::Seen> seen = receivers_->Seen(disk_);
  for (std::size_t number = 0; number < campaigns_.size(); ++number) {
    SimulatedCampaign& campaign = *campaigns_[number];
    campaign.CheckLedger(seen, campaign.end, findings_, ReportAs(""));
    tls_checks_.CheckLedger(
        disk_, campaign.ledger_folder(), campaign.roster(), sts_, [this](std::string_view domain, base::WallTime at) {
          const base::Duration ago = world_.wall_now() - at;
          return sts_.PossibleAt(domain, world_.now() - ago + kRounded, moving_.Patience(domain) + kRounded);
        });
  }
  const sandbox::Exchanger::Totals& totals = receivers_->exchanger().totals();
  for (const std::string& kind : totals.violation_kinds) Violation("SMTP: " + kind);
  findings_.encrypted = totals.encrypted_messages;
  findings_.resumed = totals.resumed;
  findings_.moved = moving_.moved();
  shaping_checks_.Tell(findings_);
  source_checks_.Tell(findings_);
}

Findings Simulation::Run() {
  MakeCampaigns();
  DrawProcesses();
  if (process_options_.seed % 8 < 3)  // Fewer sessions than sites.
    process_options_.sessions_max = static_cast<std::uint32_t>(1 + process_options_.seed / 8 % 6);
  ShowToCheckers();
  StartProgram();
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
  Drain();
  CheckEnd();
  findings_.trace = world_.trace();
  limits_.reset();
  receivers_.reset();
  if (network_.open_sides() > 0) Violation("connections are left open");
  return std::move(findings_);
}

}  // namespace

Findings Simulate(const Settings& settings) { return Simulation(settings).Run(); }

}  // namespace sim
