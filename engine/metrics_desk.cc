#include "engine/metrics_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/engine.h"

namespace engine {

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Open(const std::string& listen) {
  absl::StatusOr<std::unique_ptr<io::HttpServer>> server =
      io::HttpServer::Listen(io::Endpoint::Parse(listen).value_or(io::Endpoint{}), "/metrics");
  if (!server.ok())
    return absl::InvalidArgumentError(absl::StrCat("metrics.listen: ", std::string(server.status().message()),
                                                   "; it must be an address of this machine and a free port"));
  return std::unique_ptr<MetricsServer>(new MetricsServer(*std::move(server)));
}

// A campaign that does not run is not asked: what it has counted stays as it is.
void MetricsServer::TakeRequests() {
  clock_.Update();
  for (const std::uint64_t client : server_->Serve(clock_.Now())) clients_.push_back(client);
  if (clients_.empty() || !asked_for_.empty()) return;
  asked_for_ = std::exchange(clients_, {});
  for (auto& [campaign, part] : parts_) part.is_asked = part.is_running;
}

void MetricsServer::AnswerWhenKnown() {
  const auto is_asked = [](const auto& entry) { return entry.second.is_asked; };
  if (asked_for_.empty() || std::any_of(parts_.begin(), parts_.end(), is_asked)) return;
  Metrics all;
  for (const auto& [campaign, part] : parts_) all.Add(campaign, part.metrics);
  const std::string text = MetricsText(all);
  for (const std::uint64_t client : std::exchange(asked_for_, {})) server_->Answer(client, kMetricsContentType, text);
}

MetricsDesk::MetricsDesk(MetricsServer& server, std::string campaign)
    : server_(server), part_([&]() -> auto& {
        const std::lock_guard lock(server.mutex_);
        return server.parts_[std::move(campaign)];
      }()) {}

MetricsDesk::~MetricsDesk() {
  const std::lock_guard lock(server_.mutex_);
  part_.is_running = part_.is_asked = false;
  part_.metrics.pending = 0;
  part_.metrics.sessions_open = 0;
  server_.AnswerWhenKnown();
}

void MetricsDesk::ServeIdle() {
  const std::lock_guard lock(server_.mutex_);
  server_.TakeRequests();
  server_.AnswerWhenKnown();
}

void MetricsDesk::Start(Engine& engine, std::uint64_t pending) {
  const std::lock_guard lock(server_.mutex_);
  engine_ = &engine;
  pending_ = pending;
  part_.is_running = true;
}

void MetricsDesk::Serve(const delivery::Counters& counters, std::uint32_t open_sessions) {
  const std::lock_guard lock(server_.mutex_);
  server_.TakeRequests();
  if (part_.is_asked && question_ == 0) question_ = engine_->AskMetrics();
  std::optional<std::vector<delivery::ShardAnswer>> answers;
  if (question_ != 0) answers = engine_->TakeAnswer(question_);
  if (answers.has_value()) {
    question_ = 0;
    Metrics metrics;
    metrics.pending = pending_ - std::min(pending_, counters.finals());
    metrics.sessions_open = open_sessions;
    metrics.delivered_bytes = counters.bytes;
    for (delivery::ShardAnswer& answer : *answers) metrics.shards.push_back(std::move(answer.metrics));
    part_.metrics = std::move(metrics);
    part_.is_asked = false;
  }
  server_.AnswerWhenKnown();
}

void MetricsDesk::Finish(const delivery::Counters& counters, std::vector<delivery::ShardMetrics> shards) {
  const std::lock_guard lock(server_.mutex_);
  part_.metrics = Metrics();
  part_.metrics.delivered_bytes = counters.bytes;
  part_.metrics.shards = std::move(shards);
  part_.is_running = part_.is_asked = false;
  server_.AnswerWhenKnown();
}

}  // namespace engine
