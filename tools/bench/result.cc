#include "tools/bench/result.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bench {
namespace {

constexpr double kSinkBoundShare = 0.9;  // Of its core, and of what it took of a flood…
constexpr double kFloodedShare = 0.8;    // …that kept its core so busy: else it could have taken more.

// With as many digits as mean something.
double Figure(double value) {
  const double parts = value < 100 ? 1000 : 10;
  return std::round(value * parts) / parts;
}

std::string_view NameOf(Signing signing) {
  switch (signing) {
    case Signing::kNone:
      return "unsigned";
    case Signing::kShared:
      return "shared";
    case Signing::kRsa:
      return "rsa";
    case Signing::kEd25519:
      return "ed25519";
    case Signing::kSealed:
      return "sealed";
  }
  return "";
}

nlohmann::ordered_json SettingsJson(const Result& result) {
  const Settings& settings = result.settings;
  const Scenario& scenario = settings.scenario;
  nlohmann::ordered_json json;
  json["tls"] = scenario.tls;
  json["signing"] = NameOf(scenario.signing);
  json["rtt_ms"] = Figure(static_cast<double>(scenario.rtt.microseconds()) / 1e3);
  json["sites"] = settings.SitesInUse();
  json["skew"] = scenario.skew;
  json["domains"] = settings.DomainsInUse();
  json["connections"] = settings.connections;
  json["ledger"] = scenario.ledger;
  json["shards"] = scenario.shards;
  json["body_bytes"] = settings.body_bytes;
  json["personalised"] = scenario.signing != Signing::kShared;
  json["seconds"] = nullptr;
  if (settings.is_timed()) json["seconds"] = Figure(static_cast<double>(settings.seconds.milliseconds()) / 1e3);
  json["recipients"] = result.measurement.recipients;
  json["io"] = result.measurement.io;
  json["signer"] = result.measurement.signer;  // Of what is signed while it is sent.
  json["sender_cores"] = result.cores.sender;
  json["sink_cores"] = result.cores.sink;
  json["target"] = nullptr;
  if (settings.target.has_value())
    json["target"] = {{"server", settings.target->name}, {"to", settings.target->to}, {"rate", settings.target->rate}};
  json["congestion_control"] = CongestionControl();
  json["folder"] = result.folder;
  return json;
}

// Of somebody else's server only the sender's side is known.
nlohmann::ordered_json WholeRunJson(const Result& result) {
  const nlohmann::json sink = nlohmann::json::parse(result.sink_totals);
  nlohmann::ordered_json json = {{"delivered", result.measurement.delivered}, {"recorded", nullptr}};
  if (result.settings.target.has_value()) return json;
  json["accepted_by_sink"] = sink.at("messages");
  json["connections"] = sink.at("connections");
  json["messages_per_connection"] =
      Figure(sink.at("messages").get<double>() / std::max(1.0, sink.at("connections").get<double>()));
  json["handshakes"] = sink.at("handshakes");
  json["resumed"] = sink.at("resumed");
  json["checked"] = sink.at("checked").at("messages");
  json["valid_signatures"] = sink.at("checked").at("valid");
  json["signatures"] = result.measurement.signing.made;
  json["signatures_by_other_shards"] = result.measurement.signing.for_others;
  return json;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

using Pick = double (*)(const Measurement&);
std::vector<double> Collect(const std::vector<Result>& results, Pick pick) {
  std::vector<double> values;
  for (const Result& result : results) values.push_back(pick(result.measurement));
  return values;
}
double Rate(const Measurement& measurement) { return measurement.messages_per_s(); }
double Cpu(const Measurement& measurement) { return measurement.cpu_us_per_message(); }

bool AnySinkBound(const std::vector<Result>& results) {
  return std::any_of(results.begin(), results.end(), [](const Result& r) { return IsSinkBound(r.measurement); });
}

// One side of a comparison.
nlohmann::ordered_json SideJson(const std::vector<Result>& results) {
  const std::vector<double> rates = Collect(results, &Rate), cpu = Collect(results, &Cpu);
  nlohmann::ordered_json json;
  json["scenario"] = results.front().settings.scenario.text;
  json["messages_per_s"] = {{"median", Figure(Median(rates))},
                            {"max", Figure(*std::max_element(rates.begin(), rates.end()))}};
  json["cpu_us_per_message"] = {{"median", Figure(Median(cpu))},
                                {"min", Figure(*std::min_element(cpu.begin(), cpu.end()))}};
  json["sink_bound"] = AnySinkBound(results);
  json["runs"] = nlohmann::ordered_json::array();
  for (const Result& result : results) json["runs"].push_back(ToJson(result));
  return json;
}

struct Ratios {
  double rate_median, cpu_median, cpu_min;
};
Ratios RatiosOf(const std::vector<Result>& a, const std::vector<Result>& b) {
  const auto min = [](const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); };
  const std::vector<double> cpu_a = Collect(a, &Cpu), cpu_b = Collect(b, &Cpu);
  return {Median(Collect(a, &Rate)) / Median(Collect(b, &Rate)), Median(cpu_a) / Median(cpu_b),
          min(cpu_a) / min(cpu_b)};
}

}  // namespace

bool IsSinkBound(const Measurement& measurement) {
  return measurement.sink_cpu_share() >= kSinkBoundShare ||
         (measurement.sink_measured_cpu_share >= kFloodedShare &&
          measurement.messages_per_s() > kSinkBoundShare * measurement.sink_measured_per_s);
}

nlohmann::ordered_json ToJson(const Result& result) {
  const Measurement& measured = result.measurement;
  const double messages = static_cast<double>(measured.messages);
  nlohmann::ordered_json json;
  json["format"] = 1;
  json["scenario"] = result.settings.scenario.text;
  json["messages"] = measured.messages;
  json["bytes"] = measured.bytes;
  json["seconds"] = Figure(measured.seconds);
  json["messages_per_s"] = Figure(measured.messages_per_s());
  json["cpu_us_per_message"] = Figure(measured.cpu_us_per_message());
  json["user_us_per_message"] = Figure(measured.sender.user_s * 1e6 / messages);
  json["system_us_per_message"] = Figure(measured.sender.system_s * 1e6 / messages);
  json["sender_cpu_share"] = Figure(measured.sender.total_s() / measured.seconds);
  json["threads_cpu_share"] = nlohmann::ordered_json::array();
  for (const double cpu_s : measured.threads_cpu_s)
    json["threads_cpu_share"].push_back(Figure(cpu_s / measured.seconds));
  json["sink_cpu_share"] = nullptr;
  json["sink_ceiling_per_s"] = nullptr;
  json["sink_measured_per_s"] = nullptr;
  json["sink_measured_cpu_share"] = nullptr;
  json["sink_bound"] = nullptr;
  if (!result.settings.target.has_value()) {
    json["sink_cpu_share"] = Figure(measured.sink_cpu_share());
    json["sink_ceiling_per_s"] = Figure(measured.sink_ceiling_per_s());
    json["sink_measured_per_s"] = Figure(measured.sink_measured_per_s);
    json["sink_measured_cpu_share"] = Figure(measured.sink_measured_cpu_share);
    json["sink_bound"] = IsSinkBound(measured);
  }
  json["signatures_per_s"] = nullptr;
  json["openssl_signatures_per_s"] = nullptr;
  if (result.settings.scenario.makes_signatures())
    json["signatures_per_s"] = Figure(measured.messages_per_s());  // One each.
  if (result.settings.scenario.has_key()) {
    json["openssl_signatures_per_s"] = Figure(measured.openssl_signatures_per_s);
  }
  json["of_round_trips"] = nullptr;
  if (const std::optional<double> most = result.settings.RoundTripsPerSecond())
    json["of_round_trips"] = Figure(measured.messages_per_s() / *most);
  json["sealed"] = nullptr;
  if (result.settings.scenario.signing == Signing::kSealed) {
    json["sealed"] = {{"seconds", Figure(measured.seal_seconds)},
                      {"signatures_per_s", Figure(static_cast<double>(measured.recipients) / measured.seal_seconds)},
                      {"signed_while_sending", measured.signed_while_sending}};
  }
  json["rss_anon_peak_kb"] = measured.rss_anon_kb;
  json["prepare_rows_per_s"] = Figure(static_cast<double>(measured.recipients) / measured.prepare_seconds);
  json["ran_out"] = measured.ran_out;
  json["whole_run"] = WholeRunJson(result);
  if (result.settings.scenario.ledger) json["whole_run"]["recorded"] = measured.recorded;
  json["settings"] = SettingsJson(result);
  return json;
}

std::string SinkShareText(const Measurement& measured) {
  return absl::StrFormat(", sink %.0f %%: by that it could take %.0f messages/s, of a flood it took %.0f%s",
                         100 * measured.sink_cpu_share(), measured.sink_ceiling_per_s(), measured.sink_measured_per_s,
                         IsSinkBound(measured) ? "; it is the limit, not the sender" : "");
}

// What the sink says of the whole run.
std::string SinkText(const Result& result) {
  const Measurement& measured = result.measurement;
  const Settings& settings = result.settings;
  const nlohmann::json sink = nlohmann::json::parse(result.sink_totals);
  std::string text;
  const std::uint64_t checked = sink.at("checked").at("messages").get<std::uint64_t>();
  absl::StrAppendFormat(
      &text, "  whole run: %d delivered, %d accepted by the sink%s; %d connections, %d TLS handshakes, %d resumed\n",
      measured.delivered, sink.at("messages").get<std::uint64_t>(),
      settings.scenario.ledger ? absl::StrCat(", ", measured.recorded, " in the ledger") : ", no ledger",
      sink.at("connections").get<std::uint64_t>(), sink.at("handshakes").get<std::uint64_t>(),
      sink.at("resumed").get<std::uint64_t>());
  absl::StrAppendFormat(&text, "  %d messages were verified by the sink: their own token%s%s\n", checked,
                        settings.scenario.signing == Signing::kNone ? "" : ", a valid signature",
                        settings.scenario.tls ? ", under TLS" : "");
  return text;
}

std::string ToText(const Result& result) {
  const Measurement& measured = result.measurement;
  const Settings& settings = result.settings;
  std::string text = absl::StrFormat("%s: %.0f messages/s, %.1f CPU us/message (%.1f user, %.1f system)\n",
                                     settings.scenario.text, measured.messages_per_s(), measured.cpu_us_per_message(),
                                     measured.sender.user_s * 1e6 / static_cast<double>(measured.messages),
                                     measured.sender.system_s * 1e6 / static_cast<double>(measured.messages));
  absl::StrAppendFormat(&text, "  %d messages of %.1f KB in %.2f s; sender %.0f %% of a core%s\n", measured.messages,
                        static_cast<double>(measured.bytes) / 1e3 / static_cast<double>(measured.messages),
                        measured.seconds, 100 * measured.sender.total_s() / measured.seconds,
                        settings.target.has_value() ? "" : SinkShareText(measured));
  if (settings.scenario.makes_signatures()) {
    absl::StrAppendFormat(&text, "  signatures/s: %.0f; OpenSSL alone on this core: %.0f; ratio %.2f\n",
                          measured.messages_per_s(), measured.openssl_signatures_per_s,
                          measured.messages_per_s() / measured.openssl_signatures_per_s);
  }
  if (settings.scenario.shards > 1) {
    text += "  the busiest threads of the sender:";
    for (const double cpu_s : measured.threads_cpu_s)
      absl::StrAppendFormat(&text, " %.0f %%", 100 * cpu_s / measured.seconds);
    absl::StrAppendFormat(&text, "; of %d signatures %d were made by another shard than the site's\n",
                          measured.signing.made, measured.signing.for_others);
  }
  if (settings.scenario.signing == Signing::kSealed) {
    absl::StrAppendFormat(&text, "  sealed before: %d signatures in %.1f s, %.0f/s; OpenSSL alone on one core: %.0f\n",
                          measured.recipients, measured.seal_seconds,
                          static_cast<double>(measured.recipients) / measured.seal_seconds,
                          measured.openssl_signatures_per_s);
  }
  if (const std::optional<double> most = settings.RoundTripsPerSecond()) {
    absl::StrAppendFormat(&text, "  %.2f of what %d connections could deliver with one message in each round trip\n",
                          measured.messages_per_s() / *most, settings.ConnectionsInUse());
  }
  absl::StrAppendFormat(&text, "  RssAnon %.1f MB at its highest; prepared %d recipients at %.0f rows/s\n",
                        static_cast<double>(measured.rss_anon_kb) / 1024, measured.recipients,
                        static_cast<double>(measured.recipients) / measured.prepare_seconds);
  if (settings.target.has_value()) {
    absl::StrAppendFormat(&text, "  whole run: %d delivered to %s at %s%s\n", measured.delivered, settings.target->to,
                          settings.target->name,
                          settings.scenario.ledger ? absl::StrCat(", ", measured.recorded, " in the ledger") : "");
  } else {
    text += SinkText(result);
  }
  if (measured.ran_out) text += "  all recipients were delivered before the time was over: it is shorter\n";
  if (result.cores.sender.empty()) text += "  nothing is pinned: sender and sink share the cores\n";
  return text;
}

nlohmann::ordered_json CompareJson(const std::vector<Result>& a, const std::vector<Result>& b) {
  const Ratios ratios = RatiosOf(a, b);
  nlohmann::ordered_json json;
  json["format"] = 1;
  json["rounds"] = a.size();
  json["ratio"] = {{"messages_per_s", Figure(ratios.rate_median)},
                   {"cpu_us_per_message", Figure(ratios.cpu_median)},
                   {"cpu_us_per_message_of_minima", Figure(ratios.cpu_min)}};
  json["a"] = SideJson(a);
  json["b"] = SideJson(b);
  return json;
}

std::string CompareText(const std::vector<Result>& a, const std::vector<Result>& b) {
  std::string text;
  for (const std::vector<Result>* side : {&a, &b}) {
    const std::vector<double> cpu = Collect(*side, &Cpu);
    absl::StrAppendFormat(&text, "%-28s median %8.0f messages/s, %7.2f CPU us/message (at least %.2f)%s\n",
                          side->front().settings.scenario.text, Median(Collect(*side, &Rate)), Median(cpu),
                          *std::min_element(cpu.begin(), cpu.end()),
                          AnySinkBound(*side) ? "; the sink was the limit" : "");
  }
  const Ratios ratios = RatiosOf(a, b);
  absl::StrAppendFormat(&text,
                        "ratio of medians over %d rounds: messages/s %.3f, CPU us/message %.3f (of minima %.3f)\n",
                        a.size(), ratios.rate_median, ratios.cpu_median, ratios.cpu_min);
  return text;
}

}  // namespace bench
