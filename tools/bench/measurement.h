// Sends a generated campaign to a running sink, and takes the figures of the time in between.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/dkim/signing_pool.h"
#include "engine/io/disk.h"
#include "tools/bench/generated_campaign.h"
#include "tools/bench/processor.h"
#include "tools/bench/settings.h"

namespace bench {

// The figures of one run. Those of the measured time are differences between two moments of it.
struct Measurement {
  // Of the measured time.
  std::uint64_t messages = 0, bytes = 0;  // Delivered, and durable where there is a ledger.
  double seconds = 0;
  CpuTime sender;         // Of the sender's process alone.
  double sink_cpu_s = 0;  // Of the sink's.
  bool ran_out = false;   // All recipients were delivered before the time was over.
  std::vector<double>
      threads_cpu_s;  // Of the sender's busiest threads, the busiest first; as many as there are shards.
  // Of the sink alone, just before: what it took of a flood (flood.h), and its share of a core meanwhile.
  double sink_measured_per_s = 0, sink_measured_cpu_share = 0;
  // Of the whole run.
  std::uint64_t recipients = 0;
  std::uint64_t delivered = 0, delivered_bytes = 0;  // By the counters of the engine.
  std::uint64_t recorded = 0;                        // Delivered recipients by the ledger, read again from the disk.
  double prepare_seconds = 0;
  std::uint64_t rss_anon_kb = 0;  // At its highest.
  // Of OpenSSL on the same core, just before: the scenario's kind, one at a time. 0: nothing is signed.
  double openssl_signatures_per_s = 0;
  double seal_seconds = 0;  // Of a sealed campaign.
  std::uint64_t signed_while_sending = 0;
  dkim::SigningPool::Counts signing;  // Of the whole run.
  std::string_view io, signer;        // As RunOutcome says.

  double messages_per_s() const { return static_cast<double>(messages) / seconds; }
  double cpu_us_per_message() const { return sender.total_s() * 1e6 / static_cast<double>(messages); }
  double sink_cpu_share() const { return sink_cpu_s / seconds; }
  // What the sink could take if its core did nothing else and never waited, derived from the measured time.
  double sink_ceiling_per_s() const { return sink_cpu_s > 0 ? static_cast<double>(messages) / sink_cpu_s : 0; }
};

// Prepares a campaign and seals it, on all cores.
struct SealTimes {
  double prepare_seconds = 0, seal_seconds = 0;
};
absl::StatusOr<SealTimes> SealBefore(const Settings& settings, const GeneratedCampaign& generated,
                                     const std::string& folder, io::Disk& disk, base::Log& log,
                                     const std::function<int()>& stops);

struct SinkAddress {
  pid_t process = 0;
  std::string dns;
  std::uint16_t smtp_port = 0, flood_port = 0;
};

// `stops`: how often somebody asked to stop, as engine::Engine::Watcher. Errors: Cancelled; the campaign did not go as
// it should; nothing was delivered in the time.
absl::StatusOr<Measurement> Measure(const Settings& settings, const GeneratedCampaign& generated,
                                    const SinkAddress& sink, const std::string& folder, io::Disk& disk, base::Log& log,
                                    const std::function<int()>& stops);

// Sender and sink, which counted by themselves, must agree on every message. `totals`: SinkServer::TotalsJson.
absl::Status Reconcile(const Settings& settings, const Measurement& measurement, const std::string& totals);

}  // namespace bench
