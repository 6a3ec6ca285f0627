#include "engine/host_tls.h"

#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/io/clock.h"

namespace engine {
namespace {

constexpr base::Duration kSaveEvery = base::Duration::Seconds(10);
constexpr std::uint64_t kFileMax = 256 * 1024 * 1024;

}  // namespace

HostTls::HostTls(io::Disk& disk, const std::string& folder, const std::string& campaign, std::string authorities,
                 TlsSessionsFile* sessions, base::Log& log)
    : disk_(disk),
      policies_file_(folder + "/mta-sts.cache"),
      lock_file_(folder + "/mta-sts.lock"),
      results_file_(campaign + "/" + kTlsResultsName),
      log_(log),
      sessions_(sessions != nullptr ? sessions : &own_sessions_.emplace(disk, folder)),
      fetcher_({.authorities = std::move(authorities)}) {
  ReadPolicies();
  const absl::StatusOr<std::string> counted = io::ReadFile(disk_, results_file_, kFileMax);
  if (counted.ok()) results_.Read(*counted);
  results_.TakeChanged();
}

HostTls::~HostTls() {
  SaveResults();
  SavePolicies(io::FileLock::Await);
}

void HostTls::ReadPolicies() {
  const absl::StatusOr<std::string> content = io::ReadFile(disk_, policies_file_, kFileMax);
  if (content.ok()) sts_cache_.Read(*content, io::SystemClock().WallNow());
}

void HostTls::Poll() {
  const base::Instant now = io::SystemClock().Now();
  if (now < next_) return;
  next_ = now + kSaveEvery;
  SaveResults();
  SavePolicies(io::FileLock::Take);
}

void HostTls::SaveResults() {
  if (results_.TakeChanged() && !io::WriteFileAtomically(disk_, results_file_, results_.Write()).ok())
    results_.GiveBackChanged();
}

// Reads, adds and writes while no other program of this host does.
void HostTls::SavePolicies(TakeLock take_lock) {
  if (!sts_cache_.TakeChanged()) return;
  const absl::StatusOr<std::unique_ptr<io::FileLock>> lock = take_lock(lock_file_);
  absl::Status status = lock.status();
  if (status.ok()) {
    ReadPolicies();
    status = io::WriteFileAtomically(disk_, policies_file_, sts_cache_.Write(io::SystemClock().WallNow()));
  }
  if (status.ok()) return;
  sts_cache_.GiveBackChanged();  // It is tried again.
  if (absl::IsUnavailable(lock.status()) || std::exchange(has_warned_, true)) return;
  log_.Warning(absl::StrFormat("MTA-STS policies are not kept for the next run: %s", status.message()));
}

}  // namespace engine
