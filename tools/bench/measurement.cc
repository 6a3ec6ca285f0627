#include "tools/bench/measurement.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/campaign_run.h"
#include "engine/io/clock.h"
#include "engine/ledger/reader.h"
#include "engine/ledger/verify.h"
#include "nlohmann/json.hpp"

namespace bench {
namespace {

constexpr double kOpensslSeconds = 0.2;
constexpr std::uint64_t kKeySizeMax = 1 << 16;

double Seconds(base::Duration span) { return static_cast<double>(span.nanoseconds()) / 1e9; }

// A moment of the run.
struct Mark {
  base::Instant at;
  CpuTime sender;
  double sink_cpu_s = 0;
  delivery::Counters counters;
  std::map<int, double> threads;
};

// Decides when the measured time begins and ends.
class Meter final : public engine::RunObserver {
 public:
  Meter(const Settings& settings, pid_t sink, const std::function<int()>& stops)
      : settings_(settings), sink_(sink), stops_(stops) {}

  int Stops() override {
    if (sink_ended_) return 2;
    return std::max(stops_(), end_ || Failures() > 0 ? 1 : 0);
  }
  bool OnPreparing(std::uint64_t, std::uint64_t) override {
    LookAtMemory();
    return stops_() == 0;
  }
  void OnPrepared() override { prepared_ = io::SystemClock().Now(); }
  void OnStart(std::uint64_t recipients, std::uint64_t) override {
    recipients_ = recipients;
    start_ = Take({});
    LookAtMemory();
  }
  void OnProgress(const delivery::Counters& counters, std::uint32_t) override {
    LookAtMemory();
    last_ = counters;
    sink_ended_ = sink_ended_ || HasEnded(sink_);
    if (end_) return;
    const Mark now = Take(counters);
    if (counters.delivered > 0 && !first_delivery_) first_delivery_ = now.at;
    if (counters.finals() == recipients_) {
      end_ = now;
    } else if (!begin_ && settings_.is_timed() && first_delivery_ && now.at >= *first_delivery_ + settings_.WarmUp()) {
      begin_ = now;
    } else if (begin_ && now.at >= begin_->at + settings_.seconds) {
      end_ = now;
    }
  }

  base::Instant prepared() const { return prepared_; }
  // Requires: the campaign ended without an error.
  absl::StatusOr<Measurement> Result() const {
    if (sink_ended_) return absl::InternalError("the sink has ended: nothing was measured");
    if (Failures() > 0) {
      return absl::InternalError(absl::StrCat(Failures(), " attempts did not end in a delivery: nothing was measured"));
    }
    if (!end_) return absl::InternalError("the campaign stopped before the time was over");
    const Mark& begin = begin_ ? *begin_ : *start_;
    Measurement result;
    result.messages = end_->counters.delivered - begin.counters.delivered;
    result.bytes = end_->counters.bytes - begin.counters.bytes;
    result.seconds = Seconds(end_->at - begin.at);
    result.sender = {end_->sender.user_s - begin.sender.user_s, end_->sender.system_s - begin.sender.system_s};
    result.sink_cpu_s = end_->sink_cpu_s - begin.sink_cpu_s;
    for (const auto& [thread, seconds] : end_->threads) {
      const auto before = begin.threads.find(thread);
      result.threads_cpu_s.push_back(seconds - (before == begin.threads.end() ? 0 : before->second));
    }
    std::sort(result.threads_cpu_s.rbegin(), result.threads_cpu_s.rend());
    result.threads_cpu_s.resize(std::min<std::size_t>(result.threads_cpu_s.size(), settings_.scenario.shards));
    result.recipients = recipients_;
    result.ran_out = settings_.is_timed() && end_->counters.finals() == recipients_;
    result.delivered = last_.delivered;
    result.delivered_bytes = last_.bytes;
    result.rss_anon_kb = rss_anon_kb_;
    if (result.messages == 0) return absl::InternalError("nothing was delivered in the measured time");
    return result;
  }

 private:
  Mark Take(const delivery::Counters& counters) {
    clock_.Update();
    return {clock_.Now(), OwnCpuTime(), CpuSecondsOf(sink_), counters, OwnThreadsCpuSeconds()};
  }
  // The sink refuses nothing: one of these spoils everything.
  std::uint64_t Failures() const { return last_.finals() - last_.delivered + last_.deferred + last_.held; }
  void LookAtMemory() { rss_anon_kb_ = std::max(rss_anon_kb_, RssAnonKb()); }

  const Settings& settings_;
  const pid_t sink_;
  const std::function<int()>& stops_;
  io::SystemClock clock_;
  std::optional<Mark> start_, begin_, end_;
  base::Instant prepared_;
  std::optional<base::Instant> first_delivery_;
  delivery::Counters last_;
  std::uint64_t recipients_ = 0, rss_anon_kb_ = 0;
  bool sink_ended_ = false;
};

// Notes when sealing begins.
class SealWatcher final : public engine::RunObserver {
 public:
  explicit SealWatcher(const std::function<int()>& stops) : stops_(stops) {}
  int Stops() override { return stops_(); }
  void OnProgress(const delivery::Counters&, std::uint32_t) override {}
  bool OnPreparing(std::uint64_t, std::uint64_t) override { return stops_() == 0; }
  void OnStart(std::uint64_t, std::uint64_t) override {}
  bool OnSealing(std::uint64_t, std::uint64_t) override {
    if (!since_.has_value()) since_ = io::SystemClock().Now();
    return stops_() == 0;
  }
  base::Instant since() const { return since_.value_or(io::SystemClock().Now()); }

 private:
  const std::function<int()>& stops_;
  std::optional<base::Instant> since_;
};

absl::StatusOr<double> OpensslSignaturesPerSecond(const std::string& key_file, io::Disk& disk) {
  const absl::StatusOr<std::string> pem = io::ReadFile(disk, key_file, kKeySizeMax);
  if (!pem.ok()) return pem.status();
  const dkim::Crypto crypto;
  const auto key = dkim::PrivateKey::Parse(*pem, /*allow_weak=*/false, crypto);
  if (!key.ok()) return key.status();
  dkim::Digest digest{};
  const double begin = OwnCpuTime().total_s();
  std::uint64_t made = 0;
  double spent = 0;
  for (; spent < kOpensslSeconds; spent = OwnCpuTime().total_s() - begin, ++made) {
    ++digest[made % digest.size()];
    if (const absl::StatusOr<std::string> signature = (*key)->Sign(digest); !signature.ok()) return signature.status();
  }
  return static_cast<double>(made) / spent;
}

// Reads the ledger from the disk, as a later run would: so many are delivered.
absl::StatusOr<std::uint64_t> CountDelivered(const engine::RunRequest& request, io::Disk& disk) {
  const absl::StatusOr<engine::StartedCampaign> started =
      engine::OpenStarted(disk, request.paths, request.token_key_file);
  if (!started.ok()) return started.status();
  const std::uint64_t recipients = started->roster->recipients();
  std::string memory(ledger::StateTable::Bytes(recipients), '\0');
  ledger::StateTable table(memory.data(), recipients);
  const absl::StatusOr<ledger::Verification> verified =
      ledger::Verify(disk, request.paths.ledger(), started->hash(), table, /*live=*/false);
  if (!verified.ok()) return verified.status();
  if (!verified->findings.empty()) return absl::DataLossError("the ledger is not sound: " + verified->findings.front());
  std::uint64_t delivered = 0;
  for (ledger::RecipientId id = 0; id < recipients; ++id)
    delivered += table[id].state == ledger::State::kDelivered ? 1 : 0;
  return delivered;
}

// What a receiver said to the first attempt that did not end in a delivery: "; the first: 550 …". Empty: nothing is
// known.
std::string FirstFailure(const engine::RunRequest& request, io::Disk& disk) {
  const absl::StatusOr<engine::StartedCampaign> started =
      engine::OpenStarted(disk, request.paths, request.token_key_file);
  if (!started.ok()) return "";
  ledger::Reader reader(disk, {.directory = request.paths.ledger(),
                               .campaign_hash = started->hash(),
                               .recipients = started->roster->recipients(),
                               .live = false});
  while (true) {
    const absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok() || !next->has_value()) return "";
    const auto* const outcome = std::get_if<ledger::Outcome>(&(*next)->record);
    if (outcome == nullptr || outcome->kind == ledger::OutcomeKind::kDelivered) continue;
    const std::string code = outcome->reply_code == 0 ? "" : absl::StrCat(outcome->reply_code, " ");
    return absl::StrCat("; the first of them: ", code, base::AbslView(outcome->reply_text));
  }
}

engine::RunRequest MakeRequest(const Settings& settings, const GeneratedCampaign& generated,
                               const config::Config& config, const std::string& folder) {
  engine::RunRequest request;
  request.campaign = &generated.campaign;
  request.config = &config;
  request.shaping = &generated.shaping;
  request.paths = engine::PathsOf(folder + "/state", generated.campaign.id, "");
  request.token_key_file = folder + "/state/token.key";
  request.shards = settings.scenario.shards;
  // Per site it is limited by shaping. Where there are more sites than connections, this is the limit.
  request.sessions_max = settings.SitesInUse() > settings.connections
                             ? std::max(settings.connections, settings.scenario.shards)
                             : settings.connections * settings.scenario.shards;
  request.durable = settings.scenario.ledger;
  request.fixed_header = generated.fixed_header;
  return request;
}

}  // namespace

absl::StatusOr<Measurement> Measure(const Settings& settings, const GeneratedCampaign& generated,
                                    const SinkAddress& sink, const std::string& folder, io::Disk& disk, base::Log& log,
                                    const std::function<int()>& stops) {
  double openssl = 0;
  if (settings.scenario.has_key()) {
    const absl::StatusOr<double> measured = OpensslSignaturesPerSecond(generated.key_file, disk);
    if (!measured.ok()) return measured.status();
    openssl = *measured;
  }
  config::Config config = generated.config;
  config.dns.servers = {sink.dns};
  config.smtp.port = sink.smtp_port;
  const engine::RunRequest request = MakeRequest(settings, generated, config, folder);
  if (absl::Status status = disk.MakeDirectories(request.paths.root); !status.ok()) return status;
  Meter meter(settings, sink.process, stops);
  const base::Instant begin = io::SystemClock().Now();
  const engine::RunOutcome outcome = engine::RunCampaign(disk, request, meter, log);
  if (stops() > 0) return absl::CancelledError("stopped");
  if (!outcome.problem.ok()) return outcome.problem;
  absl::StatusOr<Measurement> result = meter.Result();
  if (!result.ok()) {
    return absl::Status(result.status().code(),
                        absl::StrCat(result.status().message(), " (", outcome.line, ")", FirstFailure(request, disk)));
  }
  result->prepare_seconds = Seconds(meter.prepared() - begin);
  result->signed_while_sending = outcome.signatures.made_now;
  result->signing = outcome.signing;
  result->io = outcome.io;
  result->signer = outcome.signer;
  result->openssl_signatures_per_s = openssl;
  if (settings.scenario.ledger) {
    const absl::StatusOr<std::uint64_t> recorded = CountDelivered(request, disk);
    if (!recorded.ok()) return recorded.status();
    result->recorded = *recorded;
  }
  return result;
}

absl::StatusOr<SealTimes> SealBefore(const Settings& settings, const GeneratedCampaign& generated,
                                     const std::string& folder, io::Disk& disk, base::Log& log,
                                     const std::function<int()>& stops) {
  engine::RunRequest request = MakeRequest(settings, generated, generated.config, folder);
  request.seals = true;
  request.shards = std::max(1u, std::thread::hardware_concurrency());
  if (absl::Status status = disk.MakeDirectories(request.paths.root); !status.ok()) return status;
  SealWatcher watcher(stops);
  const base::Instant begin = io::SystemClock().Now();
  const engine::RunOutcome outcome = engine::RunCampaign(disk, request, watcher, log);
  if (stops() > 0) return absl::CancelledError("stopped");
  if (!outcome.problem.ok()) return outcome.problem;
  const base::Instant end = io::SystemClock().Now();
  return SealTimes{Seconds(watcher.since() - begin), Seconds(end - watcher.since())};
}

absl::Status Reconcile(const Settings& settings, const Measurement& measurement, const std::string& totals) {
  if (settings.target.has_value()) {
    if (!settings.scenario.ledger || measurement.recorded == measurement.delivered) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("the ledger has ", measurement.recorded,
                                            " deliveries, and the sender counts ", measurement.delivered));
  }
  const nlohmann::json sink = nlohmann::json::parse(totals, nullptr, /*allow_exceptions=*/false);
  if (!sink.is_object()) return absl::InternalError("the sink left no totals");
  const auto count = [&sink](const char* name) { return sink.at(name).get<std::uint64_t>(); };
  const nlohmann::json& checked = sink.at("checked");
  const std::uint64_t messages = checked.at("messages").get<std::uint64_t>();
  const std::uint64_t valid = settings.scenario.signing == Signing::kNone ? 0 : messages;
  std::vector<std::string> wrong;
  if (count("messages") != measurement.delivered) {
    wrong.push_back(absl::StrCat("the sink accepted ", count("messages"), " messages, and the sender counts ",
                                 measurement.delivered));
  }
  if (settings.scenario.ledger && measurement.recorded != measurement.delivered) {
    wrong.push_back(absl::StrCat("the ledger has ", measurement.recorded, " deliveries, and the sender counts ",
                                 measurement.delivered));
  }
  if (count("bytes") != measurement.delivered_bytes) {
    wrong.push_back(absl::StrCat("the sink accepted ", count("bytes"), " bytes, and the sender counts ",
                                 measurement.delivered_bytes));
  }
  if (count("violations") > 0) {
    wrong.push_back(
        absl::StrCat("the sink saw ", count("violations"), " violations of SMTP: ", sink.at("violation_kinds").dump()));
  }
  if (measurement.signed_while_sending > 0)
    wrong.push_back(absl::StrCat(measurement.signed_while_sending, " messages were not sealed"));
  if (checked.at("encrypted").get<std::uint64_t>() != (settings.scenario.tls ? messages : 0)) {
    wrong.push_back(absl::StrCat(checked.at("encrypted").get<std::uint64_t>(), " of ", messages,
                                 " messages that were looked at came under TLS"));
  }
  if (checked.at("valid").get<std::uint64_t>() != valid || checked.at("invalid").get<std::uint64_t>() != 0) {
    wrong.push_back(absl::StrCat("of ", messages, " messages that were looked at, ",
                                 checked.at("valid").get<std::uint64_t>(),
                                 " have a valid signature: ", checked.at("reason").get<std::string>()));
  }
  if (checked.at("tokens_foreign").get<std::uint64_t>() != 0 ||
      checked.at("tokens_own").get<std::uint64_t>() != messages) {
    wrong.push_back("messages do not have their recipient's token");
  }
  std::string text;
  for (const std::string& line : wrong) absl::StrAppend(&text, text.empty() ? "" : "\n", line);
  return wrong.empty() ? absl::OkStatus() : absl::InternalError(text);
}

}  // namespace bench
