#include "tests/sim/scenario.h"

#include <algorithm>
#include <ostream>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/delivery/tally.h"
#include "engine/ledger/reader.h"
#include "engine/ledger/verify.h"

namespace sim {
namespace {

constexpr base::Duration kPatience = base::Duration::Hours(14 * 24);

std::string LineOf(const ledger::Outcome& outcome) {
  std::string line = absl::StrReplaceAll(base::AbslView(delivery::MetricName(outcome.kind)), {{"_", " "}});
  if (!outcome.classification.empty()) absl::StrAppendFormat(&line, " %s", outcome.classification);
  if (outcome.reply_code != 0) absl::StrAppendFormat(&line, " %d", outcome.reply_code);
  if (outcome.enhanced[0] != 0)
    absl::StrAppendFormat(&line, " %d.%d.%d", outcome.enhanced[0], outcome.enhanced[1], outcome.enhanced[2]);
  if (!outcome.command.empty()) absl::StrAppendFormat(&line, " %s", outcome.command);
  return line;
}

std::int64_t RoundedSeconds(base::Duration duration) {
  return (duration + base::Duration::Milliseconds(500)).seconds();
}

}  // namespace

std::uint64_t KeptLog::CountOf(std::string_view words) const {
  return static_cast<std::uint64_t>(std::count_if(lines_.begin(), lines_.end(), [words](const std::string& line) {
    return line.find(words) != std::string::npos;
  }));
}

void PrintTo(const Scenario::Suspended& suspended, std::ostream* out) {
  *out << absl::StrFormat("{%s from %s at %d s for %d s: %s, %s}", suspended.site, suspended.source, suspended.at_s,
                          suspended.for_s, suspended.reason, suspended.sample);
}

std::vector<std::string> Many(int count, std::string_view domain) {
  std::vector<std::string> addresses;
  for (int i = 0; i < count; ++i) addresses.push_back(absl::StrFormat("a%02d@%s", i, domain));
  return addresses;
}

Scenario::Scenario(Options options)
    : world_(options.seed),
      network_(world_, options.network),
      ask_([this](const std::string& name, dns::RecordType type) { return names_.Ask(name, type); }),
      options_(std::move(options)),
      campaign_(MakeCampaign(kStateFolder, "simulated", options_.addresses)),
      job_(campaign_->MakeJob()),
      sessions_(options_.sessions_max) {
  std::vector<std::string> warnings;
  absl::StatusOr<config::Shaping> shaping = config::Shaping::Parse({{{"shaping", options_.shaping}}}, warnings);
  CHECK(shaping.ok() && warnings.empty());
  shaping_ = *std::move(shaping);
  SetUp(job_);
  for (const std::vector<std::string>& addresses : options_.more) {
    const std::string name = absl::StrFormat("other%d", others_.size() + 1), folder = "/" + name;
    std::unique_ptr<Campaign> campaign = MakeCampaign(folder, name, addresses);
    delivery::Job job = campaign->MakeJob();
    SetUp(job);
    job.campaign_number = static_cast<std::uint32_t>(others_.size() + 1);
    others_.push_back(std::make_unique<Other>(Other{folder, std::move(campaign), std::move(job)}));
  }
}

void Scenario::SetUp(delivery::Job& job) const {
  job.shaping = &shaping_;
  job.allow_private_destinations = false;
  job.tls_least = {tls::Policy::Use::kNever, tls::Policy::Verification::kNone};
}

std::unique_ptr<Campaign> Scenario::MakeCampaign(const std::string& folder, const std::string& name,
                                                 const std::vector<std::string>& addresses) {
  CHECK(disk_.MakeDirectories(folder + "/ledger").ok());
  Campaign::Options campaign{.addresses = addresses};
  if (!options_.body.empty()) campaign.body = options_.body;
  if (!options_.sender.empty()) campaign.sender = options_.sender;
  while (options_.body.empty() && campaign.body.size() < options_.body_bytes)
    campaign.body += std::string(70, '.') + "\n";
  campaign.manifest.campaign = name;
  campaign.manifest.campaign_hash = kCampaignHash;
  return std::make_unique<Campaign>(disk_, folder, std::move(campaign));
}

Scenario::~Scenario() {
  others_.clear();
  process_.reset();
}

void Scenario::UseTwoSources() {
  job_.sources.clear();
  for (const auto& [name, number] : {std::pair("one", 1u), std::pair("two", 2u)}) {
    job_.sources.push_back({.name = name,
                            .address = base::IpAddress::V4(0x0B010000 + number),
                            .ehlo_domain = absl::StrFormat("%s.example.com", name),
                            .weight = 1});
  }
}

Receiver& Scenario::AddReceiver(const std::string& host, std::optional<base::IpAddress> wanted) {
  const base::IpAddress address =
      wanted.value_or(base::IpAddress::V4(0x0B000001 + static_cast<std::uint32_t>(receivers_.size())));
  receivers_.push_back(std::make_unique<Receiver>(world_, network_, host, io::Endpoint{address, job_.port}));
  names_.SetAddresses(host, {address});
  return *receivers_.back();
}

void Scenario::SetStsPolicy(const std::string& domain, const std::string& id, absl::StatusOr<std::string> file) {
  names_.SetText("_mta-sts." + domain, "v=STSv1; id=" + id + ";");
  names_.SetAddresses("mta-sts." + domain, {base::IpAddress::V4(0x0B020001)});
  policies_.SetPolicy(domain, std::move(file));
}

Receiver& Scenario::Serve(const std::string& domain) {
  const std::string host = "mx." + domain;
  names_.SetMx(domain, {host});
  return AddReceiver(host);
}

// ---- time ----

std::unique_ptr<EngineProcess> Scenario::MakeProcess(const delivery::Job& job, const std::string& folder) {
  // One that has no room for a large commit is full after any.
  const std::uint64_t segment_bytes = job.roster->recipients() > 1000 ? 1u << 21 : 1u << 14;
  auto process = std::make_unique<EngineProcess>(
      EngineProcess::Surroundings{world_, network_, ask_, disk_, log_, &policies_, &sts_cache_, limits_.get(), nullptr,
                                  &tls_results_, &sessions_},
      job,
      EngineProcess::Options{.shards = options_.shards,
                             .seed = options_.seed,
                             .dns_cache = options_.dns_cache,
                             .commit_longest = options_.commit_longest,
                             .segment_bytes = segment_bytes,
                             .folder = folder,
                             .sessions_max = options_.sessions_max,
                             .bugs = options_.bugs});
  std::string why;
  CHECK(process->Start(why));
  return process;
}

void Scenario::StartProcess() {
  for (const auto& other : others_) other->process.reset();
  process_.reset();
  if (!options_.keep_limits) kept_limits_.clear();
  if (options_.keep_limits || !others_.empty()) {
    limits_ = std::make_unique<KeptLimits>(world_, job_.sources, kept_limits_);
    CHECK(limits_->Load().ok());
  }
  process_ = MakeProcess(job_, kStateFolder);
  for (const auto& other : others_) other->process = MakeProcess(other->job, other->folder);
}

// Of all campaigns.
bool Scenario::AreAll(bool (EngineProcess::*are)() const) const {
  return ((*process_).*are)() &&
         std::all_of(others_.begin(), others_.end(), [are](const auto& other) { return ((*other->process).*are)(); });
}

void Scenario::RunFor(base::Duration time) {
  if (process_ == nullptr) StartProcess();
  const base::Instant end = world_.now() + time;
  bool there = false;
  world_.At(end, [&there] { there = true; });
  while (!there) CHECK(world_.Step());
}

bool Scenario::Finish() {
  if (process_ == nullptr) StartProcess();
  const base::Instant end = world_.now() + kPatience;
  while (!AreAll(&EngineProcess::IsDone) && !process_->IsPaused() && world_.now() < end) CHECK(world_.Step());
  while (process_->IsPaused() && !process_->IsStopped() && world_.now() < end) CHECK(world_.Step());
  return AreAll(&EngineProcess::IsDone);
}

std::uint32_t Scenario::MostConnections(Receiver& receiver) {
  receiver.Forget();
  receiver.At(Point::kContent, Always({.reply = "250 ok", .wait = base::Duration::Seconds(20)}));
  RunFor(base::Duration::Seconds(1));
  receiver.ForgetMost();
  RunFor(base::Duration::Seconds(15));
  return receiver.open_max();
}

void Scenario::Restart() { StartProcess(); }

// ---- the ledger ----

std::int64_t Scenario::Since(base::WallTime time) const { return RoundedSeconds(time - start_); }

Scenario::Told Scenario::Read() const {
  struct Visitor {
    const Scenario& scenario;
    Told& told;
    void operator()(const ledger::Attempt& record) {
      told.events[record.recipient].push_back(
          {.line = absl::StrFormat("attempt %d", record.number), .text = "", .at = record.time, .due = record.time});
    }
    void operator()(const ledger::Outcome& record) {
      told.events[record.recipient].push_back(
          {.line = LineOf(record), .text = std::string(record.reply_text), .at = record.time, .due = record.due});
    }
    void operator()(const ledger::CampaignState& record) {
      if (record.kind != ledger::CampaignStateKind::kPaused) return;
      told.pauses.push_back(absl::StrFormat("%s: %s (%s)", record.by, record.reason, record.sample));
    }
    void operator()(const ledger::SiteState& record) {
      told.suspensions.push_back({.site = std::string(record.site),
                                  .source = std::string(record.source),
                                  .at_s = scenario.Since(record.time),
                                  .for_s = RoundedSeconds(record.until - record.time),
                                  .reason = std::string(record.reason),
                                  .sample = std::string(record.sample),
                                  .scope = std::string(record.scope)});
    }
  };
  Told told;
  ledger::Reader reader(disk_, {.directory = kLedgerFolder, .campaign_hash = kCampaignHash});
  while (true) {
    const absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    CHECK(next.ok());
    if (!next->has_value()) return told;
    std::visit(Visitor{*this, told}, (*next)->record);
  }
}

std::vector<Scenario::Event> Scenario::EventsOf(std::string_view address) const {
  return Read().events[campaign_->IdOf(address)];
}

std::vector<std::string> Scenario::Story(std::string_view address) const {
  std::vector<std::string> lines;
  for (const Event& event : EventsOf(address)) lines.push_back(event.line);
  return lines;
}

std::string Scenario::Last(std::string_view address) const {
  const std::vector<Event> events = EventsOf(address);
  return events.empty() ? "" : events.back().line;
}

std::uint64_t Scenario::CountLast(std::string_view beginning) const {
  std::uint64_t count = 0;
  for (const auto& [recipient, events] : Read().events) count += events.back().line.starts_with(beginning) ? 1 : 0;
  return count;
}

std::vector<std::int64_t> Scenario::Times(std::string_view address) const {
  std::vector<std::int64_t> times;
  for (const Event& event : EventsOf(address)) times.push_back(Since(event.at));
  return times;
}

std::int64_t Scenario::DueIn(std::string_view address) const {
  const std::vector<Event> events = EventsOf(address);
  CHECK(!events.empty());
  return RoundedSeconds(events.back().due - events.back().at);
}

std::string Scenario::Text(std::string_view address) const {
  const std::vector<Event> events = EventsOf(address);
  CHECK(!events.empty());
  return events.back().text;
}

std::vector<Scenario::Suspended> Scenario::Suspensions() const { return Read().suspensions; }

std::vector<std::string> Scenario::Pauses() const { return Read().pauses; }

}  // namespace sim
