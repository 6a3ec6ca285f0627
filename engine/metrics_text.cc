#include "engine/metrics_text.h"

#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/text.h"

namespace engine {
namespace {

using delivery::OutcomeGroup;
using delivery::PendingCounts;
using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

std::string Escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

class Page {
 public:
  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = std::string(name);
    absl::StrAppend(&text_, "# HELP ", name_, " ", base::AbslView(help), "\n# TYPE ", name_, " ", base::AbslView(type),
                    "\n");
  }
  void Add(const Labels& labels, std::string_view value, std::string_view suffix = "") {
    absl::StrAppend(&text_, name_, base::AbslView(suffix));
    const char* before = "{";
    for (const auto& [label, text] : labels) {
      absl::StrAppend(&text_, before, base::AbslView(label), "=\"", Escaped(text), "\"");
      before = ",";
    }
    absl::StrAppend(&text_, labels.empty() ? " " : "} ", base::AbslView(value), "\n");
  }
  void Add(const Labels& labels, std::uint64_t value, std::string_view suffix = "") {
    Add(labels, std::to_string(value), suffix);
  }
  std::string text_;

 private:
  std::string name_;
};

bool IsAttempt(ledger::OutcomeKind kind) {
  using Kind = ledger::OutcomeKind;
  return kind == Kind::kDelivered || kind == Kind::kDeferred || kind == Kind::kBounced || kind == Kind::kInDoubt;
}

// Of all shards, in an order that stays.
using Key = std::tuple<std::string, std::string, ledger::OutcomeKind, std::string>;
std::map<Key, std::uint64_t> OutcomesOf(const Metrics& metrics) {
  std::map<Key, std::uint64_t> outcomes;
  for (const delivery::ShardMetrics& shard : metrics.shards) {
    for (const OutcomeGroup& group : shard.outcomes) {
      if (group.count > 0) outcomes[{group.provider, group.source, group.kind, group.classification}] += group.count;
    }
  }
  return outcomes;
}

void PutOutcomes(const Metrics& metrics, Page& page) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> attempts;
  page.Begin("sluice_outcomes_total", "counter",
             "What became of recipients and attempts, once it is durable, since this run began.");
  for (const auto& [key, count] : OutcomesOf(metrics)) {
    const auto& [provider, source, kind, classification] = key;
    page.Add({{"provider", provider},
              {"source", source},
              {"outcome", delivery::MetricName(kind)},
              {"class", classification}},
             count);
    if (IsAttempt(kind)) attempts[{provider, source}] += count;
  }
  page.Begin("sluice_attempts_total", "counter", "Attempts that count, and have ended.");
  for (const auto& [key, count] : attempts) page.Add({{"provider", key.first}, {"source", key.second}}, count);
}

void PutPending(const Metrics& metrics, Page& page) {
  std::map<std::string, PendingCounts> pending;
  std::uint64_t routed = 0;
  for (const delivery::ShardMetrics& shard : metrics.shards) {
    for (const auto& [provider, counts] : shard.pending) {
      pending[provider].Add(counts);
      routed += counts.unattempted + counts.deferred + counts.held + counts.in_flight;
    }
  }
  page.Begin("sluice_pending", "gauge", "Recipients without a final state.");
  for (const auto& [provider, counts] : pending) {
    page.Add({{"provider", provider}, {"state", "unattempted"}}, counts.unattempted);
    page.Add({{"provider", provider}, {"state", "deferred"}}, counts.deferred);
    page.Add({{"provider", provider}, {"state", "held"}}, counts.held);
    page.Add({{"provider", provider}, {"state", "in_flight"}}, counts.in_flight);
  }
  // Shards answer one after the other, and the count is older by a moment.
  page.Add({{"provider", "unrouted"}, {"state", "waiting"}}, metrics.pending > routed ? metrics.pending - routed : 0);
}

void PutCampaigns(const Metrics& metrics, Page& page) {
  page.Begin("sluice_campaign_outcomes_total", "counter", "Of each campaign, as sluice_outcomes_total.");
  for (const Metrics::Campaign& campaign : metrics.campaigns) {
    for (const auto& [kind, count] : campaign.outcomes)
      page.Add({{"campaign", campaign.id}, {"outcome", delivery::MetricName(kind)}}, count);
  }
  page.Begin("sluice_campaign_pending", "gauge", "Of each campaign, recipients without a final state.");
  for (const Metrics::Campaign& campaign : metrics.campaigns) page.Add({{"campaign", campaign.id}}, campaign.pending);
}

void PutLatencies(const Metrics& metrics, Page& page) {
  struct Sums {
    delivery::TimeSum connect, tls, dot;
  };
  std::map<std::string, Sums> by_provider;
  const auto add = [](delivery::TimeSum& to, const delivery::TimeSum& more) {
    to.count += more.count;
    to.microseconds += more.microseconds;
  };
  for (const delivery::ShardMetrics& shard : metrics.shards) {
    for (const OutcomeGroup& group : shard.outcomes) {
      if (group.kind != ledger::OutcomeKind::kDelivered || group.count == 0) continue;
      Sums& sums = by_provider[group.provider];
      add(sums.connect, group.connect);
      add(sums.tls, group.tls);
      add(sums.dot, group.dot);
    }
  }
  page.Begin("sluice_latency_seconds", "summary",
             "Of deliveries: until the connection stood, TLS stood, and the message was accepted.");
  for (const auto& [provider, sums] : by_provider) {
    const std::pair<std::string_view, const delivery::TimeSum*> phases[] = {
        {"connect", &sums.connect}, {"tls", &sums.tls}, {"dot", &sums.dot}};
    for (const auto& [phase, sum] : phases) {
      const Labels labels = {{"provider", provider}, {"phase", phase}};
      page.Add(labels, absl::StrFormat("%.6f", static_cast<double>(sum->microseconds) / 1e6), "_sum");
      page.Add(labels, sum->count, "_count");
    }
  }
}

}  // namespace

void Metrics::Add(const std::string& campaign, const Metrics& its) {
  Campaign& one = campaigns.emplace_back();
  one.id = campaign;
  one.pending = its.pending;
  for (const delivery::ShardMetrics& shard : its.shards) {
    for (const OutcomeGroup& group : shard.outcomes) {
      if (group.count > 0) one.outcomes[group.kind] += group.count;
    }
  }
  shards.insert(shards.end(), its.shards.begin(), its.shards.end());
  pending += its.pending;
  sessions_open += its.sessions_open;
  delivered_bytes += its.delivered_bytes;
}

std::string MetricsText(const Metrics& metrics) {
  Page page;
  PutOutcomes(metrics, page);
  PutPending(metrics, page);
  page.Begin("sluice_sessions_open", "gauge", "Connections to receivers.");
  page.Add({}, metrics.sessions_open);
  page.Begin("sluice_delivered_bytes_total", "counter", "Of messages that were accepted.");
  page.Add({}, metrics.delivered_bytes);
  PutLatencies(metrics, page);
  PutCampaigns(metrics, page);
  return std::move(page.text_);
}

}  // namespace engine
