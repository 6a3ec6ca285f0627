// Asks DNS servers over UDP, and over TCP what does not fit, with c-ares driven by the reactor. One thread.
//
// c-ares sends, matches and times out; everything else is ours: the answers are parsed by dns/wire.h, and each server
// has a channel of its own, so that which server is asked, and which one has been silent lately, is decided here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dns/query_gate.h"
#include "dns/resolver.h"
#include "engine/base/time.h"
#include "engine/io/clock.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"

namespace dns {

class CaresChannel;

class CaresResolver final : public Resolver {
 public:
  struct Options {
    std::vector<std::string> servers;  // "ADDRESS", "ADDRESS:PORT" or "[IPV6]:PORT". Empty: the system's.
    std::uint32_t queries_per_second_max =
        500;                              // Of this resolver, repetitions included; what is over it waits. At least 1.
    std::uint32_t outstanding_max = 256;  // Questions at the servers at one time; the others wait. At least 1.
    base::Duration timeout = base::Duration::Seconds(2);  // For each try; at least 1 ms.
    // Answer::authenticated is what the servers say; else it is always false. After a SERVFAIL, another server's answer
    // counts only where that bit is set: perhaps it does not validate.
    bool trust_ad = false;
    std::uint32_t tries = 3;  // Over all servers; with more servers than that, each is tried once. At least 1.
  };

  // Errors: a server that is not an address; none is configured; c-ares cannot start. The references outlive the
  // resolver.
  static absl::StatusOr<std::unique_ptr<CaresResolver>> Make(const Options& options, io::FdPoller& poller,
                                                             const io::Clock& clock, io::TimerWheel& timers);
  CaresResolver(const CaresResolver&) = delete;
  CaresResolver& operator=(const CaresResolver&) = delete;
  ~CaresResolver() override;

  void Resolve(std::string_view name, RecordType type, Callback callback) override;

  std::vector<std::string> Servers() const;                 // "192.0.2.53:53", in the order they are asked.
  std::size_t outstanding() const { return outstanding_; }  // At the servers now.
  std::uint64_t queries() const { return queries_; }        // Sent so far, repetitions included.
  // Questions wait because of queries_per_second_max alone.
  bool IsHeldByRate() const { return !waiting_.empty() && outstanding_ < options_.outstanding_max; }

 private:
  struct Question {
    std::string name;
    RecordType type = RecordType::kA;
    Callback callback;
    std::uint32_t tries = 0;  // So far.
    std::size_t server = 0;   // Whom it was last sent to.
    bool refuted = false;     // A server that validates (trust_ad) said SERVFAIL: what it got may be forged.
    std::vector<bool> asked;  // Which servers were asked since all had been.
  };
  struct Finished {
    Callback callback;
    Answer answer;
  };

  CaresResolver(const Options& options, const io::Clock& clock, io::TimerWheel& timers);

  void Pump();  // Sends what waits, as far as the limits allow.
  void Send(std::unique_ptr<Question> question);
  std::size_t ChooseServer(const Question& question) const;
  void OnReply(std::unique_ptr<Question> question, int status, std::string_view message);
  // Asks again, another server if there is one, or gives up with this answer.
  void RepeatOrFail(std::unique_ptr<Question> question, AnswerKind kind, std::string detail);
  void Finish(Question& question, Answer answer);
  void Tick();
  void Settle();  // After every call into c-ares: sets the timers and calls back. The resolver may be gone afterwards.

  const Options options_;
  const io::Clock& clock_;
  io::TimerWheel& timers_;
  QueryGate gate_;
  std::vector<std::unique_ptr<CaresChannel>> channels_;  // One for each server.
  std::deque<std::unique_ptr<Question>> waiting_;
  std::deque<Finished> finished_;
  std::size_t outstanding_ = 0;
  std::uint64_t queries_ = 0;
  io::Timer pump_;
  io::Timer tick_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // False once destroyed; Settle looks at it.
};

}  // namespace dns
