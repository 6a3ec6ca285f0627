#include "engine/metrics_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/engine.h"
#include "engine/metrics_text.h"

namespace engine {

absl::Status MetricsDesk::Open(const std::optional<std::string>& listen, std::unique_ptr<MetricsDesk>& desk) {
  if (!listen.has_value()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<io::HttpServer>> server =
      io::HttpServer::Listen(io::Endpoint::Parse(*listen).value_or(io::Endpoint{}), "/metrics");
  if (!server.ok())
    return absl::InvalidArgumentError(absl::StrCat("metrics.listen: ", std::string(server.status().message()),
                                                   "; it must be an address of this machine and a free port"));
  desk.reset(new MetricsDesk(*std::move(server)));
  return absl::OkStatus();
}

void MetricsDesk::TakeRequests() {
  clock_.Update();
  for (const std::uint64_t client : server_->Serve(clock_.Now())) clients_.push_back(client);
}

void MetricsDesk::ServeIdle() {
  TakeRequests();
  for (const std::uint64_t client : std::exchange(clients_, {}))
    server_->Answer(client, kMetricsContentType, MetricsText({}));
}

void MetricsDesk::Start(Engine& engine, std::uint64_t pending) {
  engine_ = &engine;
  pending_ = pending;
}

void MetricsDesk::Serve(const delivery::Counters& counters, std::uint32_t open_sessions) {
  TakeRequests();
  if (question_ == 0 && !clients_.empty()) {
    question_ = engine_->AskMetrics();
    asked_for_ = std::exchange(clients_, {});
  }
  if (question_ == 0) return;
  std::optional<std::vector<delivery::ShardAnswer>> answers = engine_->TakeAnswer(question_);
  if (!answers.has_value()) return;
  question_ = 0;
  Metrics metrics;
  metrics.pending = pending_ - std::min(pending_, counters.finals());
  metrics.sessions_open = open_sessions;
  metrics.delivered_bytes = counters.bytes;
  for (delivery::ShardAnswer& answer : *answers) metrics.shards.push_back(std::move(answer.metrics));
  const std::string text = MetricsText(metrics);
  for (const std::uint64_t client : std::exchange(asked_for_, {})) server_->Answer(client, kMetricsContentType, text);
}

}  // namespace engine
