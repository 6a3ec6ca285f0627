// Serves the operator of a running campaign over the socket in its state folder: status, pause, resume, cancel. A
// request is a line of JSON, {"command": "pause", "provider": …, "source": …, "reason": …}; so is the answer. Whoever
// is not answered before the program ends (a pause has ended it, say) finds the state free, and acts on that.
//
// All calls come from the thread that runs the engine; none of them waits, except Finish for a moment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/log.h"
#include "engine/campaign_operation.h"
#include "engine/engine.h"
#include "engine/io/clock.h"
#include "engine/io/local_server.h"
#include "engine/ledger/state.h"

namespace engine {

class ControlDesk {
 public:
  // Without a socket (the folder cannot have one) nobody is served, and a warning says so. Requires: the campaign's
  // lock is held, until Finish.
  ControlDesk(const StatePaths& paths, base::Log& log);

  // While the campaign is prepared: status is answered, everything else waits until that is done.
  void ServePreparing(std::uint64_t rows);
  // Before the engine runs, on the journal that was started. Returns an order that the caller carries out instead of
  // sending: a pause or the cancellation of the whole campaign. `start`: until when the campaign waits. None: it
  // waits no longer, and the engine will be asked how it stands; everything else is carried out all the same. Errors:
  // the journal's.
  absl::StatusOr<std::optional<OperationOrder>> ServeBeforeStart(ledger::Journal& journal,
                                                                 const std::optional<base::WallTime>& start);
  // The engine is about to run. `table`: how the recipients stand.
  void Start(Engine& engine, const ledger::StateTable& table);
  void Serve(const delivery::Counters& counters, std::uint32_t open_sessions);
  // Somebody reads an answer that is more than goes at once: Serve is to be called soon.
  bool IsSending() const { return server_ != nullptr && server_->IsSending(); }
  // The run is over: the last answers, and the socket goes. `state`: the campaign's now.
  void Finish(const std::string& state);

 private:
  struct Waiting {
    std::uint64_t connection = 0;
    bool is_status = false;
    OperationOrder order;
    std::string doubt;           // Why it may be refused: the configuration does not have what it names.
    std::uint64_t question = 0;  // Of the engine; 0: not asked yet.
    bool ends_run = false;       // It was carried out, and is answered at the end.
  };

  void TakeRequests();
  void TakeRequest(const io::LocalServer::Request& request);
  bool Refuse(const Waiting& waiting);  // Where there is a doubt.
  void AskEngine(Waiting& waiting);
  bool AnswerOne(const Waiting& waiting);  // False: it waits on.
  void Answer(std::uint64_t connection, const OperationOutcome& outcome);
  std::string StatusJson(const std::vector<delivery::ShardAnswer>& answers, const std::string& state,
                         const std::optional<base::WallTime>& start = std::nullopt) const;
  void MeasureRate();

  const StatePaths paths_;
  std::unique_ptr<io::LocalServer> server_;  // Null: there is none.
  Engine* engine_ = nullptr;                 // Null: it does not run yet.
  io::SystemClock clock_;
  std::vector<Waiting> waiting_;
  std::string ending_;  // "pausing" or "cancelling", where the operator ends the run.
  std::uint64_t recipients_ = 0;
  delivery::Counters before_, counters_;  // Of earlier runs, and of this one.
  std::uint32_t open_sessions_ = 0;
  base::Instant rate_since_;
  std::uint64_t rate_from_ = 0;
  double rate_ = 0;  // Messages per second, lately.
};

}  // namespace engine
