#include "engine/notifier.h"

#include <chrono>
#include <condition_variable>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "nlohmann/json.hpp"

namespace engine {
namespace {

using Json = nlohmann::ordered_json;

Json Samples(const std::string& sample) { return sample.empty() ? Json::array() : Json::array({sample}); }

}  // namespace

void Notifier::Watch(delivery::Job& job) {
  job.on_suspended = [this](const delivery::SuspensionNews& news) { OnSuspended(news); };
  job.on_part_paused = [this](const delivery::PauseReason& pause) { OnPaused(pause); };
}

void Notifier::OnSuspended(const delivery::SuspensionNews& news) {
  Json json;
  json["site"] = news.site;
  json["provider"] = news.provider;
  json["source"] = news.source;
  if (!news.scope.empty()) json["scope"] = news.scope;
  json["until"] = base::FormatRfc3339(news.until);
  json["reason"] = news.reason;
  json["sample_replies"] = Samples(news.sample);
  Push("suspended", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Notifier::OnPaused(const delivery::PauseReason& pause) {
  Json json;
  json["scope"] = pause.scope.ToString();
  json["by"] = pause.by;
  json["reason"] = pause.reason;
  json["sample_replies"] = Samples(pause.sample);
  Push("paused", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Notifier::OnFinished(const ledger::StateTable& table) {
  std::uint64_t by_state[8] = {};
  for (ledger::RecipientId id = 0; id < table.size(); ++id) ++by_state[static_cast<int>(table[id].state)];
  const auto count = [&by_state](ledger::State state) { return by_state[static_cast<int>(state)]; };
  const Json json = {{"totals",
                      {{"recipients", table.size()},
                       {"delivered", count(ledger::State::kDelivered)},
                       {"bounced", count(ledger::State::kBounced)},
                       {"expired", count(ledger::State::kExpired)},
                       {"withdrawn", count(ledger::State::kWithdrawn)},
                       {"in_doubt", count(ledger::State::kInDoubt)}}}};
  Push("finished", json.dump());
}

// `details`: a JSON object.
void Notifier::Push(const char* event, const std::string& details) {
  Json json = {{"format", 1},   {"event", event},          {"campaign", id_},
               {"name", name_}, {"rehearsal", rehearsal_}, {"time", base::FormatRfc3339(io::SystemClock().WallNow())}};
  json.update(Json::parse(details));
  const std::lock_guard lock(mutex_);
  queue_.push_back(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  if (queue_.size() <= kQueueMax) return;
  queue_.pop_front();
  if (!std::exchange(dropped_, true)) log_.Warning("notify.command is too slow: the oldest events are not told");
}

std::string Notifier::Pop() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return "";
  std::string event = std::move(queue_.front());
  queue_.pop_front();
  return event;
}

void Notifier::Serve(base::Instant now) {
  if (running_ != nullptr) {
    const std::optional<std::string> end = running_->Poll();
    if (!end.has_value() && now < until_) return;
    const std::string trouble = end.value_or(absl::StrFormat("killed after %d s", kPatience.seconds()));
    if (!trouble.empty()) log_.Warning("notify.command: " + trouble);
    running_.reset();
  }
  const std::string event = Pop();
  if (event.empty()) return;
  absl::StatusOr<std::unique_ptr<io::ShellCommand>> started = io::ShellCommand::Start(command_, event);
  if (started.ok()) {
    running_ = *std::move(started);
    until_ = now + kPatience;
  } else {
    log_.Warning("notify.command cannot be run: " + std::string(started.status().message()));
  }
}

void Notifier::Finish(const ledger::Journal& journal, const std::string& state, Engine::Watcher& watcher) {
  if (state == "finished") OnFinished(journal.table());
  if (const auto pause = journal.facts().pauses.find(std::string(ledger::kWholeCampaign));
      state == "paused" && pause != journal.facts().pauses.end())
    OnPaused({.by = pause->second.by, .reason = pause->second.reason, .sample = pause->second.sample});
  TellRest([&watcher] { return watcher.Stops() > 0; });
}

void Notifier::TellRest(absl::FunctionRef<bool()> is_over) {
  constexpr std::chrono::milliseconds kLookEvery{10};
  std::mutex mutex;
  std::condition_variable nothing;
  std::unique_lock lock(mutex);
  const base::Instant end = io::SystemClock().Now() + kPatience;
  Serve(io::SystemClock().Now());
  while (running_ != nullptr && !is_over() && io::SystemClock().Now() < end) {
    nothing.wait_for(lock, kLookEvery);
    Serve(io::SystemClock().Now());
  }
  const bool is_left = running_ != nullptr;
  running_.reset();
  if (is_left) log_.Warning("notify.command does not end: it was killed, and what was left is not told");
}

}  // namespace engine
