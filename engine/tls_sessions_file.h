// The file in which the TLS sessions of receivers outlive the program: one object for all its campaigns.
#pragma once

#include <string>

#include "engine/io/disk.h"
#include "tls/stored_sessions.h"

namespace engine {

class TlsSessionsFile {
 public:
  // Takes what is in `<folder>/tls-sessions.cache`, and the file with it: a ticket is used once, also where two
  // programs run at the same time or this one is killed. A file that cannot be read is none.
  TlsSessionsFile(io::Disk& disk, const std::string& folder);
  TlsSessionsFile(const TlsSessionsFile&) = delete;
  TlsSessionsFile& operator=(const TlsSessionsFile&) = delete;
  ~TlsSessionsFile();  // Writes what there is, with what another program has left meanwhile.

  tls::StoredSessions& sessions() { return sessions_; }

 private:
  void Take();

  io::Disk& disk_;
  const std::string file_;
  tls::StoredSessions sessions_;
};

}  // namespace engine
