// One campaign of a few recipients, or several together, through the shipped shards, against receivers that do as a
// test says: what became of each recipient, told in lines, and when. Nothing is left to chance but the latency of
// network, DNS and disk.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/shaping.h"
#include "engine/delivery/job.h"
#include "tests/sim/campaign.h"
#include "tests/sim/crash_disk.h"
#include "tests/sim/engine_process.h"
#include "tests/sim/network.h"
#include "tests/sim/receiver.h"
#include "tests/sim/scripted_names.h"
#include "tests/sim/world.h"

namespace sim {

// Keeps what the program says, without debugging.
class KeptLog final : public base::Log {
 public:
  void Write(base::Severity severity, std::string_view line) override {
    if (severity != base::Severity::kDebug) lines_.emplace_back(line);
  }
  std::uint64_t CountOf(std::string_view words) const;  // Lines that have them.

 private:
  std::vector<std::string> lines_;
};

// "a00@DOMAIN", "a01@DOMAIN", …
std::vector<std::string> Many(int count, std::string_view domain = "one.example");
inline constexpr char kOneSession[] = "[\"default\"]\nconnection_limit = 1\n";  // A shaping file.

class Scenario {
 public:
  struct Options {
    std::vector<std::string> addresses;
    std::vector<std::vector<std::string>> more = {};  // Addresses of other campaigns, which the program runs beside it.
    std::string shaping = "";                         // A shaping file.
    std::uint64_t body_bytes = 100;
    std::string body = {};    // Instead; a template.
    std::string sender = {};  // Of the envelope; a template.
    std::uint32_t shards = 1;
    bool keep_limits = false;  // They outlive the program.
    bool dns_cache = false;    // Answers of the DNS are kept for their time, as the program does.
    std::uint32_t sessions_max = 100;
    Network::Options network = {};
    base::Duration commit_longest = base::Duration::Milliseconds(5);
    std::uint64_t seed = 1;
    delivery::PlantedBugs bugs = {};
  };
  struct Suspended {
    std::string site, source;
    std::int64_t at_s = 0;   // Since the start, rounded.
    std::int64_t for_s = 0;  // Rounded.
    std::string reason, sample;
    std::string scope = {};
  };

  explicit Scenario(Options options);
  ~Scenario();

  // ---- before the start ----
  delivery::Job& job() { return job_; }
  delivery::Job& other(std::size_t index = 0) { return others_.at(index)->job; }  // Of one of Options::more.
  // Two sources, "one" and "two", which take turns by recipient.
  void UseTwoSources();

  // ---- the world ----
  World& world() { return world_; }
  Network& network() { return network_; }
  ScriptedNames& names() { return names_; }
  const KeptLog& log() const { return log_; }
  const tls::ResultCounts& tls_results() const { return tls_results_; }
  const KeptLimits::Texts& kept_limits() const { return kept_limits_; }
  // With a public address of its own, or this one, which the DNS knows.
  Receiver& AddReceiver(const std::string& host, std::optional<base::IpAddress> address = std::nullopt);
  // It publishes an MTA-STS policy: the record, and the file as it is served.
  void SetStsPolicy(const std::string& domain, const std::string& id, absl::StatusOr<std::string> file);
  Receiver& Serve(const std::string& domain);  // Its one mail exchanger is mx.DOMAIN.

  // ---- time ----
  void RunFor(base::Duration time);  // Starts the program, the first time.
  // Until every recipient is final. False: it paused, or two weeks did not do.
  bool Finish();
  // How many connections to `receiver` come at once, where it takes every message, 20 s each.
  std::uint32_t MostConnections(Receiver& receiver);
  // Kills the program and starts it again.
  void Restart();
  // The program, once time has passed: what the operator does.
  EngineProcess& process() { return *process_; }
  EngineProcess& other_process(std::size_t index = 0) { return *others_.at(index)->process; }

  // ---- what the ledger says ----
  // "attempt 1", "deferred TransientFailure 450 4.2.1 RCPT", "delivered 250 BDAT", …
  std::vector<std::string> Story(std::string_view address) const;
  std::string Last(std::string_view address) const;           // Line of the story; "": nothing happened.
  std::uint64_t CountLast(std::string_view beginning) const;  // Recipients whose last line begins so.
  // Seconds since the start, rounded, of each line of the story.
  std::vector<std::int64_t> Times(std::string_view address) const;
  // Seconds from the last line to when it may be tried again.
  std::int64_t DueIn(std::string_view address) const;
  std::string Text(std::string_view address) const;  // Of the reply or failure that the last line tells.
  std::vector<Suspended> Suspensions() const;
  std::vector<std::string> Pauses() const;  // "BY: REASON (SAMPLE)"

 private:
  struct Event {
    std::string line, text;
    base::WallTime at, due;
  };
  struct Told {
    std::map<ledger::RecipientId, std::vector<Event>> events;
    std::vector<Suspended> suspensions;
    std::vector<std::string> pauses;
  };
  // Beside the one that the rest is about.
  struct Other {
    std::string folder;
    std::unique_ptr<Campaign> campaign;
    delivery::Job job;
    std::unique_ptr<EngineProcess> process = nullptr;
  };
  std::unique_ptr<Campaign> MakeCampaign(const std::string& folder, const std::string& name,
                                         const std::vector<std::string>& addresses);
  void SetUp(delivery::Job& job) const;
  std::unique_ptr<EngineProcess> MakeProcess(const delivery::Job& job, const std::string& folder);
  bool AreAll(bool (EngineProcess::*are)() const) const;
  Told Read() const;
  std::vector<Event> EventsOf(std::string_view address) const;
  void StartProcess();
  std::int64_t Since(base::WallTime time) const;

  World world_;
  Network network_;
  mutable CrashDisk disk_;
  KeptLog log_;
  ScriptedNames names_{world_};
  const Names ask_;
  SimPolicyFetcher policies_{world_};
  tls::StsCache sts_cache_;
  tls::ResultCounts tls_results_;
  config::Shaping shaping_;
  const Options options_;
  const std::unique_ptr<Campaign> campaign_;
  delivery::Job job_;
  std::vector<std::unique_ptr<Other>> others_;
  delivery::SessionPool sessions_;
  const base::WallTime start_ = world_.wall_now();
  std::vector<std::unique_ptr<Receiver>> receivers_;
  KeptLimits::Texts kept_limits_;
  std::unique_ptr<KeptLimits> limits_;      // Null: they are the process's own.
  std::unique_ptr<EngineProcess> process_;  // The others' die before it.
};

// For failures of tests.
void PrintTo(const Scenario::Suspended& suspended, std::ostream* out);

}  // namespace sim
