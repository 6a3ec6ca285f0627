// TLS sessions that may be resumed, by the server they are of: a resumed handshake costs a tenth of a full one.
// Bounded; the oldest go first. One thread.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/string_map.h"
#include "tls/channel.h"
#include "tls/openssl_ptr.h"
#include "tls/stored_sessions.h"

namespace tls {

class SessionCache {
 public:
  static constexpr std::size_t kPerServerMax = 16;  // So many connections to one server may be resumed at once.

  // `stored`: of earlier runs; outlives the cache. Null: there is none.
  explicit SessionCache(std::size_t sessions_max, StoredSessions* stored = nullptr)
      : sessions_max_(sessions_max), stored_(stored) {}
  SessionCache(const SessionCache&) = delete;
  SessionCache& operator=(const SessionCache&) = delete;
  ~SessionCache();  // Leaves to `stored` what it has.

  // Host name, address, profile, policy, and what the certificate was judged by (`authorities`: a fingerprint of them):
  // a session says nothing about another host at the same address, and one that was made without looking at the
  // certificate, or when others were trusted, is of no use where it counts.
  static std::string KeyOf(const ChannelFactory::Peer& peer, std::uint64_t authorities);

  void Put(const std::string& key, OpensslPtr<SSL_SESSION> session);
  // The newest one; null: there is none. A ticket of TLS 1.3 is used once (RFC 8446 appendix C.4); a session of TLS 1.2
  // stays.
  OpensslPtr<SSL_SESSION> Take(std::string_view key);
  // A handshake with one of them failed.
  void Forget(std::string_view key);
  std::size_t size() const { return sessions_.size(); }

 private:
  struct Entry {
    std::string key;
    OpensslPtr<SSL_SESSION> session;
  };
  using Position = std::list<Entry>::iterator;
  void Drop(Position entry);
  void TakeStored(std::string_view key);

  const std::size_t sessions_max_;
  StoredSessions* const stored_;
  std::list<Entry> sessions_;                      // Oldest first.
  base::StringMap<std::vector<Position>> by_key_;  // Oldest first; none is empty. Never iterated.
};

}  // namespace tls
