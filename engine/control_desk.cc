#include "engine/control_desk.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/campaign_run.h"
#include "engine/run_options.h"
#include "nlohmann/json.hpp"

namespace engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr base::Duration kLastAnswers = base::Duration::Seconds(2);  // So long may the end wait for who reads them.

std::string Line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// As in reports, and as `pause` wants it.
std::string ProviderName(const std::string& provider) {
  return provider.empty() ? std::string(delivery::kOtherProvider) : provider;
}

std::string TextOf(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<Operation> OperationOf(const std::string& command) {
  if (command == "pause") return Operation::kPause;
  if (command == "resume") return Operation::kResume;
  if (command == "cancel") return Operation::kCancel;
  return std::nullopt;
}

Json TimeOrNull(const std::optional<base::WallTime>& time) {
  return time.has_value() ? Json(base::FormatRfc3339(*time)) : Json(nullptr);
}

Json Samples(const std::string& sample) { return sample.empty() ? Json::array() : Json::array({sample}); }

// What keeps sites from sending more, and of each provider what keeps most of its sites.
void PutLimits(const std::vector<delivery::ShardAnswer>& answers, Json& json) {
  std::map<std::string, std::map<std::string, delivery::LimitedSites>> by_provider;  // By limit.
  std::uint64_t more = 0, unasked = 0;
  json["limited"] = Json::array();
  for (const delivery::ShardAnswer& answer : answers) {
    more += answer.limited_more;
    unasked += answer.unasked;
    for (const delivery::LimitedQueue& limited : answer.limited) {
      json["limited"].push_back({{"queue", limited.queue},
                                 {"provider", ProviderName(limited.provider)},
                                 {"source", limited.source},
                                 {"limited_by", limited.limit},
                                 {"since", base::FormatRfc3339(limited.since)},
                                 {"until", TimeOrNull(limited.until)},
                                 {"sample_replies", Samples(limited.sample)}});
    }
    for (const auto& [provider, limits] : answer.limited_providers) {
      for (const auto& [limit, sites] : limits) by_provider[provider][limit].Add(sites);
    }
  }
  json["limited_more"] = more;
  json["limited_domains"] = Json::array();
  if (unasked > 0)
    json["limited_domains"].push_back({{"limited_by", "dns.max_queries_per_second"}, {"domains", unasked}});
  json["limited_providers"] = Json::array();
  for (const auto& [provider, limits] : by_provider) {
    const auto most = std::max_element(limits.begin(), limits.end(),
                                       [](const auto& a, const auto& b) { return a.second.sites < b.second.sites; });
    json["limited_providers"].push_back({{"provider", provider},
                                         {"limited_by", most->first},
                                         {"sites", most->second.sites},
                                         {"since", base::FormatRfc3339(most->second.since)},
                                         {"until", TimeOrNull(most->second.until)},
                                         {"sample_replies", Samples(most->second.sample)}});
  }
}

// A pause or the cancellation of the whole campaign: nothing is sent any more.
bool EndsRun(const OperationOrder& order) { return order.operation != Operation::kResume && order.scope.IsCampaign(); }

delivery::Counters CountStates(const ledger::StateTable& table) {
  delivery::Counters counters;
  for (ledger::RecipientId id = 0; id < table.size(); ++id) {
    switch (table[id].state) {
      case ledger::State::kUnattempted:
      case ledger::State::kDeferred:
        break;
      case ledger::State::kDelivered:
        ++counters.delivered;
        break;
      case ledger::State::kBounced:
        ++counters.bounced;
        break;
      case ledger::State::kExpired:
        ++counters.expired;
        break;
      case ledger::State::kWithdrawn:
        ++counters.withdrawn;
        break;
      case ledger::State::kCancelled:
        ++counters.cancelled;
        break;
      case ledger::State::kInDoubt:
        ++counters.in_doubt;
        break;
    }
  }
  return counters;
}

}  // namespace

ControlDesk::ControlDesk(const StatePaths& paths, base::Log& log) : paths_(paths) {
  absl::StatusOr<std::unique_ptr<io::LocalServer>> server = io::LocalServer::Listen(paths.control());
  if (server.ok()) {
    server_ = *std::move(server);
  } else {
    log.Warning(
        absl::StrFormat("no socket for status, pause, resume and cancel: %s", std::string(server.status().message())));
  }
}

void ControlDesk::ServePreparing(std::uint64_t rows) {
  TakeRequests();
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (!waiting.is_status) return false;
    server_->Answer(waiting.connection,
                    Line({{"format", 1}, {"campaign", paths_.id}, {"state", "preparing"}, {"rows", rows}}));
    return true;
  });
}

absl::StatusOr<std::optional<OperationOrder>> ControlDesk::ServeBeforeStart(
    ledger::Journal& journal, const std::optional<base::WallTime>& start) {
  TakeRequests();
  absl::Status failure;
  std::optional<OperationOrder> last;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (last.has_value() || !failure.ok()) return false;  // It finds the state free.
    if (Refuse(waiting)) return true;
    if (!waiting.is_status && EndsRun(waiting.order)) {
      waiting.ends_run = true;
      last = waiting.order;
      return false;
    }
    if (waiting.is_status && !start.has_value()) return false;  // The engine knows more, in a moment.
    if (waiting.is_status) {
      recipients_ = journal.table().size();
      before_ = CountStates(journal.table());
      delivery::ShardAnswer answer;
      answer.pauses = PausesOf(journal.facts());
      for (const auto& [key, suspension] : journal.facts().suspensions) {
        if (suspension.until <= clock_.WallNow()) continue;
        answer.held.push_back(
            {.queue = key.site,
             .provider = "",
             .source = key.source,
             .reason = suspension.reason,
             .sample = suspension.sample,
             .since = suspension.since == base::WallTime() ? std::nullopt : std::optional(suspension.since),
             .until = suspension.until});
      }
      server_->Answer(waiting.connection, StatusJson({answer}, "scheduled", start));
      return true;
    }
    OperationOutcome outcome =
        OperateOn({.journal = journal, .is_started = true, .paths = paths_}, waiting.order, clock_.WallNow());
    failure = outcome.problem;
    outcome.state = start.has_value() ? "scheduled" : "running";
    Answer(waiting.connection, outcome);
    return true;
  });
  if (!failure.ok()) return failure;
  return last;
}

void ControlDesk::Start(Engine& engine, const ledger::StateTable& table) {
  engine_ = &engine;
  recipients_ = table.size();
  before_ = CountStates(table);
  clock_.Update();
  rate_since_ = clock_.Now();
}

void ControlDesk::MeasureRate() {
  const double seconds = static_cast<double>((clock_.Now() - rate_since_).microseconds()) / 1e6;
  if (seconds < 1) return;
  rate_ = static_cast<double>(counters_.delivered - rate_from_) / seconds;
  rate_from_ = counters_.delivered;
  rate_since_ = clock_.Now();
}

void ControlDesk::Serve(const delivery::Counters& counters, std::uint32_t open_sessions) {
  counters_ = counters;
  open_sessions_ = open_sessions;
  TakeRequests();
  MeasureRate();
  std::vector<Waiting> still;
  for (Waiting& waiting : waiting_) {
    if (waiting.question == 0) {
      if (!engine_->Knows(waiting.order.scope) && Refuse(waiting)) continue;
      AskEngine(waiting);
    }
    if (!AnswerOne(waiting)) still.push_back(std::move(waiting));
  }
  waiting_ = std::move(still);
}

void ControlDesk::TakeRequests() {
  clock_.Update();
  if (server_ == nullptr) return;
  for (const io::LocalServer::Request& request : server_->Serve(clock_.Now())) TakeRequest(request);
  // Who has gone away was told that nothing answers, and counts on it.
  std::erase_if(waiting_, [this](const Waiting& waiting) {
    return waiting.question == 0 && !waiting.ends_run && !server_->Waits(waiting.connection);
  });
}

void ControlDesk::TakeRequest(const io::LocalServer::Request& request) {
  const Json json = Json::parse(request.line, nullptr, /*allow_exceptions=*/false);
  const std::string command = json.is_object() ? TextOf(json, "command") : "";
  Waiting waiting;
  waiting.connection = request.connection;
  waiting.is_status = command == "status";
  const std::optional<Operation> operation = OperationOf(command);
  if (!waiting.is_status && !operation.has_value()) {
    OperationOutcome refused;
    refused.exit_code = 2;
    refused.problem = absl::InvalidArgumentError("no such command");
    Answer(request.connection, refused);
    return;
  }
  if (operation.has_value()) {
    waiting.order.operation = *operation;
    waiting.order.scope = {.provider = TextOf(json, "provider"), .source = TextOf(json, "source")};
    waiting.order.reason = TextOf(json, "reason");
    waiting.doubt = TextOf(json, "doubt");
  }
  waiting_.push_back(std::move(waiting));
}

bool ControlDesk::Refuse(const Waiting& waiting) {
  if (waiting.doubt.empty()) return false;
  OperationOutcome refused;
  refused.exit_code = kExitInvalid;
  refused.problem = absl::InvalidArgumentError(waiting.doubt);
  Answer(waiting.connection, refused);
  return true;
}

void ControlDesk::AskEngine(Waiting& waiting) {
  if (waiting.is_status) {
    waiting.question = engine_->AskStatus();
    return;
  }
  switch (waiting.order.operation) {
    case Operation::kPause:
    case Operation::kCancel:
      waiting.question = engine_->Pause(PauseReasonOf(waiting.order));
      if (!EndsRun(waiting.order)) return;
      waiting.ends_run = true;
      ending_ = waiting.order.operation == Operation::kCancel ? "cancelling" : "pausing";
      return;
    case Operation::kResume:
      waiting.question = engine_->Resume();
      return;
  }
}

bool ControlDesk::AnswerOne(const Waiting& waiting) {
  const std::optional<std::vector<delivery::ShardAnswer>> answers = engine_->TakeAnswer(waiting.question);
  if (!answers.has_value()) return false;
  if (waiting.is_status) {
    server_->Answer(waiting.connection, StatusJson(*answers, ending_.empty() ? "running" : ending_));
    return true;
  }
  if (waiting.order.operation == Operation::kResume) {
    if (answers->front().ends) return false;  // Not before the end: then it is resumed.
    OperationOutcome outcome;
    outcome.state = "running";
    outcome.changed = true;
    outcome.line = absl::StrFormat("%s: nothing is paused or suspended any more; it goes on", paths_.id);
    Answer(waiting.connection, outcome);
    return true;
  }
  if (waiting.ends_run) return false;  // Once nothing is in flight any more: Finish.
  Answer(waiting.connection, OutcomeOfPause(paths_, waiting.order, "running"));
  return true;
}

void ControlDesk::Answer(std::uint64_t connection, const OperationOutcome& outcome) {
  server_->Answer(connection, Line({{"format", 1},
                                    {"campaign", paths_.id},
                                    {"state", outcome.state},
                                    {"changed", outcome.changed},
                                    {"line", outcome.line},
                                    {"exit_code", outcome.exit_code},
                                    {"problem", std::string(outcome.problem.message())}}));
}

std::string ControlDesk::StatusJson(const std::vector<delivery::ShardAnswer>& answers, const std::string& state,
                                    const std::optional<base::WallTime>& start) const {
  delivery::Counters all = before_;
  all.Add(counters_);
  Json json = {{"format", 1}, {"campaign", paths_.id}, {"state", state}};
  if (start.has_value()) json["starts_at"] = base::FormatRfc3339(*start);
  json["totals"] = {{"recipients", recipients_},
                    {"delivered", all.delivered},
                    {"bounced", all.bounced},
                    {"expired", all.expired},
                    {"withdrawn", all.withdrawn},
                    {"cancelled", all.cancelled},
                    {"in_doubt", all.in_doubt - all.resent},
                    {"pending", recipients_ - all.finals()}};
  json["sessions"] = open_sessions_;
  json["messages_per_s"] = rate_;
  json["paused"] = Json::array();
  json["held"] = Json::array();
  std::uint64_t held_more = 0;
  std::optional<base::WallTime> next_retry;
  for (const delivery::ShardAnswer& answer : answers) {
    for (const delivery::PauseReason& pause : answer.pauses) {
      json["paused"].push_back({{"scope", pause.scope.ToString()},
                                {"by", pause.by},
                                {"reason", pause.reason},
                                {"since", base::FormatRfc3339(pause.since)},
                                {"sample_replies", Samples(pause.sample)}});
    }
    for (const delivery::HeldQueue& held : answer.held) {
      json["held"].push_back({{"queue", held.queue},
                              {"provider", ProviderName(held.provider)},
                              {"source", held.source},
                              {"reason", held.reason},
                              {"sample_replies", Samples(held.sample)},
                              {"since", TimeOrNull(held.since)},
                              {"until", TimeOrNull(held.until)}});
    }
    held_more += answer.held_more;
    if (answer.next_retry.has_value())
      next_retry = next_retry.has_value() ? std::min(*next_retry, *answer.next_retry) : *answer.next_retry;
  }
  json["held_more"] = held_more;
  PutLimits(answers, json);
  json["next_retry"] = TimeOrNull(next_retry);
  return Line(json);
}

void ControlDesk::Finish(const std::string& state) {
  if (server_ == nullptr) return;
  engine_ = nullptr;
  for (const Waiting& waiting : waiting_) {
    if (!waiting.ends_run) continue;  // It acts on the state, now that it is free.
    OperationOutcome outcome;
    outcome.state = state;
    if (waiting.order.operation == Operation::kPause && state == "paused") {
      outcome = OutcomeOfPause(paths_, waiting.order, state);
    } else if (state == "cancelled" || state == "finished") {
      outcome.changed = state == "cancelled" && waiting.order.operation == Operation::kCancel;
      outcome.line = paths_.id + ": " + state;
    } else {
      continue;
    }
    Answer(waiting.connection, outcome);
  }
  waiting_.clear();
  server_->StopListening();
  server_->Flush(kLastAnswers);
}

}  // namespace engine
