#include "engine/tls_sessions_file.h"

#include "engine/io/clock.h"

namespace engine {
namespace {

constexpr std::uint64_t kFileMax = 256 * 1024 * 1024;

}  // namespace

TlsSessionsFile::TlsSessionsFile(io::Disk& disk, const std::string& folder)
    : disk_(disk), file_(folder + "/tls-sessions.cache") {
  Take();
}

// The sessions of shards that have ended are here by now.
TlsSessionsFile::~TlsSessionsFile() {
  Take();
  if (sessions_.size() > 0)
    io::WriteFileAtomically(disk_, file_, sessions_.Write(io::SystemClock().WallNow())).IgnoreError();
}

void TlsSessionsFile::Take() {
  const absl::StatusOr<std::string> content = io::ReadFile(disk_, file_, kFileMax);
  if (!content.ok() || !disk_.Remove(file_).ok()) return;
  sessions_.Read(*content, io::SystemClock().WallNow());
}

}  // namespace engine
