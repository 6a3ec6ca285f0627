// Where TLS is offered that does not work: for a while it is tried there with the compatible profile, and where that
// fails as well, mail goes there in clear, where its policy allows that (RFC 3207 section 4; KumoMTA's
// remember_broken_tls). The whole program's; any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/time.h"

namespace delivery {

// Whom a handshake is with. What comes of it depends on the host's name, which the server is told (SNI): whoever owns
// another name for the same address must not decide about this one. And it depends on whether the certificate must
// hold.
struct TlsPeer {
  std::string host;
  base::IpAddress address;
  bool verifies = false;

  std::string ToString() const;
  static std::optional<TlsPeer> Parse(std::string_view text);  // As ToString writes it.
  friend auto operator<=>(const TlsPeer&, const TlsPeer&) = default;
};

class TlsMemory {
 public:
  static constexpr std::size_t kPeersMax = 10'000;  // The one that would be forgotten first goes.

  void Remember(const TlsPeer& peer, base::Instant until);
  bool Contains(const TlsPeer& peer, base::Instant now) const;
  // A session that is made the other way became ready: it was TLS.
  void OnWorks(const TlsPeer& peer);
  // It failed the other way as well: it may not have been TLS, or that does not help. Where the certificate must hold,
  // nothing is lost by trying the usual way again, and a server that has better TLS by now takes only that.
  void OnFailed(const TlsPeer& peer);
  void Forget(const TlsPeer& peer);
  // All that count at `now`, and until when.
  std::vector<std::pair<TlsPeer, base::Instant>> List(base::Instant now) const;
  std::size_t size() const;

 private:
  struct Entry {
    base::Instant until;
    bool confirmed = false;
  };
  mutable std::mutex mutex_;
  std::map<TlsPeer, Entry> entries_;
};

struct BrokenTls {
  TlsMemory compatible;  // The usual profile fails there.
  TlsMemory clear;       // And so does the compatible one.
  TlsMemory refused;     // STARTTLS is offered, and refused.
};

}  // namespace delivery
