#include "tls/session_cache.h"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"

namespace tls {

std::string SessionCache::KeyOf(const ChannelFactory::Peer& peer, std::uint64_t authorities) {
  std::string key = absl::StrCat(base::AbslView(peer.host_name), "\n", peer.address.ToString(), "\n",
                                 static_cast<int>(peer.policy.verification));
  if (peer.profile == Profile::kCompatible) key += " compatible";
  if (peer.tlsa.empty() && peer.policy.verification != Policy::Verification::kNone)
    absl::StrAppend(&key, " ", authorities);
  if (HasTrustAnchor(peer.tlsa)) {
    absl::StrAppend(&key, " ", base::AbslView(peer.domain), " ", base::AbslView(peer.canonical_domain));
  }
  for (const TlsaRecord& record : peer.tlsa) {
    absl::StrAppend(&key, "\n", record.usage, " ", record.selector, " ", record.matching, " ",
                    base::StableHash(record.data));
  }
  return key;
}

void SessionCache::Drop(Position entry) {
  const auto found = by_key_.find(entry->key);
  CHECK(found != by_key_.end());
  std::vector<Position>& positions = found->second;
  positions.erase(std::find(positions.begin(), positions.end(), entry));
  if (positions.empty()) by_key_.erase(found);
  sessions_.erase(entry);
}

void SessionCache::Put(const std::string& key, OpensslPtr<SSL_SESSION> session) {
  if (sessions_max_ == 0) return;
  const auto known = by_key_.find(key);
  if (known != by_key_.end() && known->second.size() >= kPerServerMax) Drop(known->second.front());
  if (sessions_.size() >= sessions_max_) Drop(sessions_.begin());
  const Position added = sessions_.insert(sessions_.end(), Entry{key, std::move(session)});
  by_key_[key].push_back(added);
}

SessionCache::~SessionCache() {
  if (stored_ == nullptr) return;
  for (const Entry& entry : sessions_) {
    SSL_SESSION* const session = entry.session.get();
    if (SSL_SESSION_is_resumable(session) == 0) continue;
    const int size = i2d_SSL_SESSION(session, nullptr);
    if (size <= 0) continue;
    std::string bytes(static_cast<std::size_t>(size), '\0');
    auto* end = reinterpret_cast<unsigned char*>(bytes.data());
    i2d_SSL_SESSION(session, &end);
    const base::WallTime until =
        base::WallTime::FromSeconds(SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session));
    stored_->Give(entry.key, {std::move(bytes), until});
  }
}

// What an earlier run left. OpenSSL itself offers no ticket whose time is over.
void SessionCache::TakeStored(std::string_view key) {
  if (stored_ == nullptr) return;
  for (const StoredSessions::Session& stored : stored_->Take(key)) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(stored.bytes.data());
    OpensslPtr<SSL_SESSION> session(d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(stored.bytes.size())));
    if (session != nullptr) Put(std::string(key), std::move(session));
  }
  ERR_clear_error();  // Of bytes that are no session.
}

OpensslPtr<SSL_SESSION> SessionCache::Take(std::string_view key) {
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    TakeStored(key);
    found = by_key_.find(key);
  }
  if (found == by_key_.end()) return nullptr;
  const Position newest = found->second.back();
  if (SSL_SESSION_get_protocol_version(newest->session.get()) >= TLS1_3_VERSION) {
    OpensslPtr<SSL_SESSION> taken = std::move(newest->session);
    Drop(newest);
    return taken;
  }
  sessions_.splice(sessions_.end(), sessions_, newest);  // In use: not the next to go.
  SSL_SESSION_up_ref(newest->session.get());
  return OpensslPtr<SSL_SESSION>(newest->session.get());
}

void SessionCache::Forget(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  for (const Position entry : found->second) sessions_.erase(entry);
  by_key_.erase(found);
}

}  // namespace tls
