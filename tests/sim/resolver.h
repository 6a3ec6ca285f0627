// The simulated DNS: names behind latency, with answers that fail now and then.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "dns/resolver.h"
#include "tests/sim/world.h"
#include "tools/sandbox/zone.h"

namespace sim {

// What the DNS says about a name at the moment when it answers.
using Names = std::function<dns::Answer(const std::string& name, dns::RecordType type)>;

// Hears what a program is told.
class TellingWatcher {
 public:
  virtual ~TellingWatcher() = default;
  virtual void OnAnswer(const std::string& name, dns::RecordType type, const dns::Answer& answer) = 0;
  virtual void OnPolicy(const std::string& domain, const absl::StatusOr<std::string>& file) = 0;
};

// The names of the sandbox's zone. Both outlive them.
inline Names NamesOf(const World& world, sandbox::Zone& zone) {
  return [&world, &zone](const std::string& name, dns::RecordType type) {
    sandbox::ZoneAnswer found = zone.Resolve(name, static_cast<std::uint16_t>(type), world.now());
    dns::Answer answer;
    answer.ttl = base::Duration::Minutes(5);
    answer.records = std::move(found.records);
    switch (found.kind) {
      case sandbox::ZoneAnswer::Kind::kFound:
        answer.kind = dns::AnswerKind::kFound;
        break;
      case sandbox::ZoneAnswer::Kind::kNoData:
        answer.kind = dns::AnswerKind::kNoData;
        break;
      case sandbox::ZoneAnswer::Kind::kNoDomain:
        answer.kind = dns::AnswerKind::kNoDomain;
        break;
      case sandbox::ZoneAnswer::Kind::kServerFail:
        answer.kind = dns::AnswerKind::kServerFail;
        break;
      case sandbox::ZoneAnswer::Kind::kSilence:
        answer.kind = dns::AnswerKind::kTimeout;
        break;
    }
    return answer;
  };
}

class SimResolver final : public dns::Resolver {
 public:
  // `fail_share` of the questions get no answer in time.
  SimResolver(World& world, const Names& names, double fail_share, TellingWatcher* watcher,
              absl::AnyInvocable<void()> after_answer)
      : world_(world),
        names_(names),
        fail_share_(fail_share),
        watcher_(watcher),
        after_answer_(std::move(after_answer)) {}

  void Resolve(std::string_view name, dns::RecordType type, Callback callback) override {
    const bool fails = world_.prng().Chance(fail_share_);
    const base::Duration wait = fails
                                    ? base::Duration::Seconds(6)
                                    : world_.Between(base::Duration::Milliseconds(1), base::Duration::Milliseconds(80));
    world_.After(wait, [this, alive = std::weak_ptr<bool>(alive_), name = std::string(name), type, fails,
                        callback = std::move(callback)]() mutable {
      if (alive.expired()) return;  // The process that asked is gone.
      const dns::Answer answer = fails ? dns::Answer{.kind = dns::AnswerKind::kTimeout,
                                                     .records = {},
                                                     .ttl = {},
                                                     .authenticated = false,
                                                     .detail = "silence"}
                                       : names_(name, type);
      if (watcher_ != nullptr) watcher_->OnAnswer(name, type, answer);
      callback(answer);
      after_answer_();
    });
  }

 private:
  World& world_;
  const Names& names_;
  const double fail_share_;
  TellingWatcher* const watcher_;  // Null: nobody.
  absl::AnyInvocable<void()> after_answer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sim
