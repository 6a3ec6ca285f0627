// TLS sessions of earlier runs, as bytes: what a session cache falls back to, and leaves behind at its end. Whoever
// takes a session has it alone: a ticket is used once (RFC 8446 appendix C.4). Bounded. Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace tls {

class StoredSessions {
 public:
  struct Session {
    std::string bytes;     // As OpenSSL writes them. They are secret.
    base::WallTime until;  // It is of no use any more.
  };
  static constexpr std::size_t kSessionsMax = 10'000;
  static constexpr std::size_t kBytesMax = 16'384;  // Of one; a larger one is not kept.

  StoredSessions() = default;
  StoredSessions(const StoredSessions&) = delete;
  StoredSessions& operator=(const StoredSessions&) = delete;

  // Keys are SessionCache's. What is over the bound is dropped.
  void Give(std::string_view key, Session session);
  std::deque<Session> Take(std::string_view key);  // All of this key.

  // A file's content, of what is of use after `now`. Reading adds; damaged lines are skipped.
  std::string Write(base::WallTime now) const;
  void Read(std::string_view content, base::WallTime now);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;  // Guards what follows.
  std::map<std::string, std::deque<Session>, std::less<>> sessions_;
  std::size_t count_ = 0;
};

}  // namespace tls
