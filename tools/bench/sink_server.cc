#include "tools/bench/sink_server.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dns/resolver.h"
#include "engine/base/text.h"
#include "nlohmann/json.hpp"

namespace bench {
namespace {

constexpr std::uint32_t kLoopback = 0x7F000001;
constexpr base::Duration kTtl = base::Duration::Hours(1);
constexpr std::string_view kZone = ".bench.example";

// The number in "PREFIX17.bench.example".
std::optional<std::uint64_t> NumberIn(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(kZone)) return std::nullopt;
  name.remove_prefix(prefix.size());
  name.remove_suffix(std::min(name.size(), kZone.size()));
  return base::ParseInteger<std::uint64_t>(name);
}

sandbox::DkimVerifier::FindText OneRecord(const SinkSettings& settings) {
  return [name = settings.dkim_name, record = settings.dkim_record](std::string_view asked) {
    return asked == name ? std::optional<std::string>(record) : std::nullopt;
  };
}

}  // namespace

sandbox::ZoneAnswer SiteNames::Resolve(std::string_view name, std::uint16_t type, base::Instant) {
  sandbox::ZoneAnswer answer;
  dns::Record record;
  if (target_.has_value()) {
    const bool mx = type == static_cast<std::uint16_t>(dns::RecordType::kMx);
    if (!mx && type != static_cast<std::uint16_t>(dns::RecordType::kA)) return answer;
    record.preference = 10;
    record.name = "target.bench.example";
    record.address = *target_;
  } else if (const auto domain = NumberIn(name, "d");
             domain && type == static_cast<std::uint16_t>(dns::RecordType::kMx)) {
    record.preference = 10;
    record.name = absl::StrCat("mx.s", *domain % sites_, base::AbslView(kZone));
  } else if (NumberIn(name, "mx.s") && type == static_cast<std::uint16_t>(dns::RecordType::kA)) {
    record.address = base::IpAddress::V4(kLoopback);
  } else {
    return answer;  // No data: nobody asks for anything else.
  }
  answer.kind = sandbox::ZoneAnswer::Kind::kFound;
  answer.records.push_back(std::move(record));
  return answer;
}

SinkServer::SinkServer(io::Reactor& reactor, io::TimerWheel& wheel, io::Clock& clock, io::Disk& disk, base::Log& log,
                       const SinkSettings& settings)
    : reactor_(reactor),
      wheel_(wheel),
      clock_(clock),
      disk_(disk),
      log_(log),
      settings_(settings),
      names_(settings.sites, settings.target),
      dns_(reactor, clock, names_, kTtl),
      check_(OneRecord(settings)),
      flood_check_(OneRecord(settings)) {}

absl::Status SinkServer::Start() {
  const io::Endpoint any_port{base::IpAddress::V4(kLoopback), 0};
  const absl::StatusOr<io::Endpoint> dns = dns_.Listen(any_port);
  if (!dns.ok()) return dns.status();
  dns_at_ = *dns;
  if (settings_.target.has_value()) return absl::OkStatus();
  if (settings_.tls) {
    absl::StatusOr<std::unique_ptr<sandbox::CertificateAuthority>> authority = sandbox::CertificateAuthority::Make();
    if (!authority.ok()) return authority.status();
    authority_ = *std::move(authority);
    tls_ = std::make_unique<sandbox::OpenSslServer>(*authority_);
  }
  sandbox::SinkOptions options;
  options.server.host_name = "mx.bench.example";
  options.server.check_chunks = false;  // The bytes are looked at in the sample only.
  options.latency = settings_.rtt;
  options.track_duplicates = false;
  options.show_every = settings_.check_every;
  options.show = [this](std::string_view content, const sandbox::Transaction& transaction) {
    Check(content, transaction);
  };
  sink_ = std::make_unique<sandbox::Sink>(sandbox::Loop{reactor_, wheel_, clock_}, disk_, log_, tls_.get(),
                                          std::move(options));
  const absl::StatusOr<io::Endpoint> smtp = sink_->Listen(any_port);
  if (!smtp.ok()) return smtp.status();
  smtp_at_ = *smtp;
  const absl::StatusOr<io::Endpoint> flood = StartFloodSink(any_port);
  if (!flood.ok()) return flood.status();
  flood_at_ = *flood;
  return absl::OkStatus();
}

absl::StatusOr<io::Endpoint> SinkServer::StartFloodSink(const io::Endpoint& local) {
  sandbox::SinkOptions options;
  options.server.host_name = "mx.bench.example";
  options.server.check_chunks = false;
  options.implicit_tls = tls_ != nullptr;
  options.track_duplicates = false;
  options.show_every = settings_.check_every;
  options.show = [this](std::string_view content, const sandbox::Transaction& transaction) {
    static_cast<void>(
        flood_check_.Accept(content, transaction, clock_.WallNow()));  // It takes its time, as the sender's.
  };
  flood_sink_ = std::make_unique<sandbox::Sink>(sandbox::Loop{reactor_, wheel_, clock_}, disk_, log_, tls_.get(),
                                                std::move(options));
  return flood_sink_->Listen(local);
}

void SinkServer::Check(std::string_view content, const sandbox::Transaction& transaction) {
  ++checked_;
  encrypted_ += transaction.encrypted ? 1 : 0;
  static_cast<void>(check_.Accept(content, transaction, clock_.WallNow()));  // Its totals say it.
}

std::string SinkServer::ReadyJson() const {
  const nlohmann::ordered_json json = {
      {"dns", dns_at_.ToString()}, {"smtp_port", smtp_at_.port}, {"flood_port", flood_at_.port}};
  return json.dump() + "\n";
}

std::string SinkServer::TotalsJson() const {
  if (sink_ == nullptr) return "{}\n";
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(sink_->TotalsJson());
  const sandbox::MessageCheck::Totals& check = check_.totals();
  std::string reason;
  for (const auto& [text, count] : check.reasons) reason = text;
  json["dns_queries"] = dns_.queries();
  json["checked"] = {{"messages", checked_},
                     {"encrypted", encrypted_},
                     {"valid", check.valid},
                     {"invalid", check.invalid},
                     {"reason", reason},
                     {"tokens_own", check.tokens_own},
                     {"tokens_foreign", check.tokens_foreign}};
  return json.dump() + "\n";
}

}  // namespace bench
