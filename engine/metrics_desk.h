// Serves the metrics of a program ([metrics] listen) over HTTP: the sums over its campaigns, and a little of each. The
// threads that run the campaigns serve it, whichever of them has time. No call waits.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/delivery/commit_queue.h"
#include "engine/io/clock.h"
#include "engine/io/http_server.h"
#include "engine/metrics_text.h"

namespace engine {

class Engine;

// One for a program; any thread.
class MetricsServer {
 public:
  // `listen`: "ADDRESS:PORT", checked. Errors: InvalidArgument, it cannot be listened on.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Open(const std::string& listen);

 private:
  friend class MetricsDesk;
  struct Part {
    Metrics metrics;        // As they were last known.
    bool is_asked = false;  // Its engine, for those who wait now.
    bool is_running = false;
  };

  explicit MetricsServer(std::unique_ptr<io::HttpServer> server) : server_(std::move(server)) {}
  // With the lock held:
  void TakeRequests();
  void AnswerWhenKnown();

  std::mutex mutex_;  // Guards what follows.
  const std::unique_ptr<io::HttpServer> server_;
  io::SystemClock clock_;
  std::map<std::string, Part> parts_;               // By campaign; they stay.
  std::vector<std::uint64_t> clients_, asked_for_;  // Who waits; for whom the engines were asked.
};

// What one campaign tells, on the thread that runs its engine.
class MetricsDesk {
 public:
  MetricsDesk(MetricsServer& server, std::string campaign);
  MetricsDesk(const MetricsDesk&) = delete;
  MetricsDesk& operator=(const MetricsDesk&) = delete;
  ~MetricsDesk();  // The campaign runs no more; what was counted stays.

  // While nothing is sent yet.
  void ServeIdle();
  // The engine is about to run; `pending` recipients are to be sent to in this run.
  void Start(Engine& engine, std::uint64_t pending);
  void Serve(const delivery::Counters& counters, std::uint32_t open_sessions);
  // It has run: what its shards have counted.
  void Finish(const delivery::Counters& counters, std::vector<delivery::ShardMetrics> shards);

 private:
  MetricsServer& server_;
  MetricsServer::Part& part_;
  Engine* engine_ = nullptr;  // Null: it does not run yet.
  std::uint64_t pending_ = 0;
  std::uint64_t question_ = 0;  // Of the engine; 0: none.
};

}  // namespace engine
