// TLS by OpenSSL 3: one library context for each shard, so that shards share no lock and no cache line, with the
// settings of all its connections and the sessions to resume. It reads no file and makes no thread. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tls/channel.h"
#include "tls/openssl_ptr.h"
#include "tls/session_cache.h"

namespace tls {

class Context final : public ChannelFactory {
 public:
  struct Options {
    // Trusted authorities, PEM; outlives the context. Empty: no certificate can be verified.
    std::string_view authorities;
    std::size_t sessions_max = 1000;  // That may be resumed; some kilobytes each.
    // Sessions of earlier runs; takes what is left at the end. Outlives the context. Null: none.
    StoredSessions* stored_sessions = nullptr;
  };

  // Errors (kInvalidArgument): there is no certificate in `authorities`, or a damaged one.
  static absl::Status CheckAuthorities(std::string_view authorities);

  explicit Context(const Options& options);  // Requires: CheckAuthorities says that they are good, or they are empty.
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() override;

  std::unique_ptr<Channel> MakeClient(const Peer& peer) override;
  const SessionCache& sessions() const { return sessions_; }

 private:
  friend class OpensslChannel;

  static constexpr std::size_t kProfiles = 2;
  enum class Judge : std::uint8_t { kNobody, kAuthoritiesButTrusts, kAuthorities, kTlsa };  // Of certificates.
  static constexpr std::size_t kJudges = 4;
  static Judge JudgeOf(const Peer& peer);
  SSL_CTX* MakeSettings(Judge judge, Profile profile) const;
  SSL_CTX* SettingsFor(const Peer& peer);

  const Options options_;
  SessionCache sessions_;
  OpensslPtr<OSSL_LIB_CTX> library_;
  OpensslPtr<BIO_METHOD> bytes_;  // Between an SSL and its channel.
  // By judge and profile; null until it is needed: reading a hundred authorities takes milliseconds.
  OpensslPtr<SSL_CTX> settings_[kJudges][kProfiles];
  std::uint64_t authorities_hash_;
  std::string scratch_;  // One record's bytes.
};

}  // namespace tls
