// The simulated DNS: the sandbox's zone behind latency, with answers that fail now and then.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "dns/resolver.h"
#include "tests/sim/world.h"
#include "tools/sandbox/zone.h"

namespace sim {

class SimResolver final : public dns::Resolver {
 public:
  // `fail_share` of the questions get no answer in time.
  SimResolver(World& world, sandbox::Zone& zone, double fail_share, absl::AnyInvocable<void()> after_answer)
      : world_(world), zone_(zone), fail_share_(fail_share), after_answer_(std::move(after_answer)) {}

  void Resolve(std::string_view name, dns::RecordType type, Callback callback) override {
    const bool fails = world_.prng().Chance(fail_share_);
    const base::Duration wait = fails
                                    ? base::Duration::Seconds(6)
                                    : world_.Between(base::Duration::Milliseconds(1), base::Duration::Milliseconds(80));
    world_.After(wait, [this, alive = std::weak_ptr<bool>(alive_), name = std::string(name), type, fails,
                        callback = std::move(callback)]() mutable {
      if (alive.expired()) return;  // The process that asked is gone.
      callback(fails ? dns::Answer{.kind = dns::AnswerKind::kTimeout,
                                   .records = {},
                                   .ttl = {},
                                   .authenticated = false,
                                   .detail = "silence"}
                     : Ask(name, type));
      after_answer_();
    });
  }

 private:
  dns::Answer Ask(const std::string& name, dns::RecordType type) {
    sandbox::ZoneAnswer found = zone_.Resolve(name, static_cast<std::uint16_t>(type), world_.now());
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
  }

  World& world_;
  sandbox::Zone& zone_;
  const double fail_share_;
  absl::AnyInvocable<void()> after_answer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sim
