// What the campaigns of a host know about the TLS of receivers, for all shards and over restarts: MTA-STS policies, the
// thread that fetches them, and sessions to resume.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/io/disk.h"
#include "engine/io/file_lock.h"
#include "engine/tls_sessions_file.h"
#include "tls/curl_fetcher.h"
#include "tls/results.h"
#include "tls/sts_cache.h"

namespace engine {

// In the folder of a campaign: what became of TLS (tls/results.h).
inline constexpr char kTlsResultsName[] = "tls-results.cache";

class HostTls {
 public:
  // Reads what earlier runs knew; a file that cannot be read is none. `folder`: the state folder of the host, or of its
  // rehearsals. `authorities`: as tls::Context.
  // `campaign`: the folder of the campaign, whose results are counted there over all its runs.
  // `sessions`: of all campaigns of the program; outlives this. Null: the campaign runs alone.
  HostTls(io::Disk& disk, const std::string& folder, const std::string& campaign, std::string authorities,
          TlsSessionsFile* sessions, base::Log& log);
  HostTls(const HostTls&) = delete;
  HostTls& operator=(const HostTls&) = delete;
  ~HostTls();  // Writes what is new.

  // To be called now and then: writes what is new, at most every ten seconds.
  void Poll();

  tls::CurlFetcher& fetcher() { return fetcher_; }
  void StopFetching() { fetcher_.Stop(); }  // Before those who fetch are gone.
  tls::StsCache& sts_cache() { return sts_cache_; }
  tls::ResultCounts& results() { return results_; }
  tls::StoredSessions& sessions() { return sessions_->sessions(); }

 private:
  void ReadPolicies();
  using TakeLock = absl::StatusOr<std::unique_ptr<io::FileLock>> (*)(const std::string& path);
  void SaveResults();
  void SavePolicies(TakeLock take_lock);

  io::Disk& disk_;
  const std::string policies_file_, lock_file_, results_file_;
  base::Log& log_;
  tls::StsCache sts_cache_;
  std::optional<TlsSessionsFile> own_sessions_;
  TlsSessionsFile* const sessions_;
  tls::ResultCounts results_;
  tls::CurlFetcher fetcher_;
  base::Instant next_;
  bool has_warned_ = false;
};

}  // namespace engine
