// Serves the metrics of a run ([metrics] listen) over HTTP, on the thread that runs the engine. No call waits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/delivery/commit_queue.h"
#include "engine/io/clock.h"
#include "engine/io/http_server.h"

namespace engine {

class Engine;

class MetricsDesk {
 public:
  // `listen`: "ADDRESS:PORT", checked; none: `desk` stays null. Errors: InvalidArgument, it cannot be listened on.
  static absl::Status Open(const std::optional<std::string>& listen, std::unique_ptr<MetricsDesk>& desk);

  // While nothing is sent yet.
  void ServeIdle();
  // The engine is about to run; `pending` recipients are to be sent to in this run.
  void Start(Engine& engine, std::uint64_t pending);
  void Serve(const delivery::Counters& counters, std::uint32_t open_sessions);

 private:
  explicit MetricsDesk(std::unique_ptr<io::HttpServer> server) : server_(std::move(server)) {}
  void TakeRequests();

  const std::unique_ptr<io::HttpServer> server_;
  io::SystemClock clock_;
  Engine* engine_ = nullptr;  // Null: it does not run yet.
  std::uint64_t pending_ = 0;
  std::uint64_t question_ = 0;                      // Of the engine; 0: none.
  std::vector<std::uint64_t> clients_, asked_for_;  // Who waits; who waits for the question's answer.
};

}  // namespace engine
