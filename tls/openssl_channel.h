// The client's side of one TLS connection by OpenSSL. Made by Context.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tls/channel.h"
#include "tls/context.h"
#include "tls/openssl_ptr.h"

namespace tls {

class OpensslChannel final : public Channel {
 public:
  OpensslChannel(Context& context, SSL_CTX* settings, const ChannelFactory::Peer& peer);
  OpensslChannel(const OpensslChannel&) = delete;
  OpensslChannel& operator=(const OpensslChannel&) = delete;
  ~OpensslChannel() override;

  void Start(Output& to_peer) override;
  absl::Status Receive(std::string_view from_peer, std::string& plain, Output& to_peer) override;
  absl::Status Send(absl::Span<const std::string_view> pieces, Output& to_peer) override;
  void Close(Output& to_peer) override;
  State state() const override { return state_; }
  const ChannelInfo& info() const override { return info_; }

 private:
  friend class Context;

  // For OpenSSL.
  static BIO_METHOD* MakeBioMethod();
  static int ReadBytes(BIO* bio, char* to, int size);
  static int WriteBytes(BIO* bio, const char* from, int size);
  static long Control(BIO* bio, int command, long number, void* pointer);
  static int OnNewSession(SSL* ssl, SSL_SESSION* session);

  class Call;  // The bytes that OpenSSL may read and write now.
  void ExpectName(const std::string& name, const base::IpAddress& address, bool is_address);
  bool ExpectTlsa(const std::string& name, const ChannelFactory::Peer& peer);
  bool IsForHost() const;
  absl::Status Handshake();
  absl::Status Read(std::string& plain);
  absl::Status Write(std::string_view plain);
  absl::Status Fail(int result);
  std::string ErrorText(int result) const;

  Context& context_;
  bool verifies_;
  const bool observes_;
  bool tlsa_says_nothing_ = false;  // There are TLSA records, and none that OpenSSL can use.
  const bool compatible_;
  const std::string anchored_name_;  // Of the host, where its TLSA records have a trust anchor; else empty.
  const std::string cache_key_;
  OpensslPtr<SSL> ssl_;
  State state_ = State::kHandshaking;
  bool offered_session_ = false;
  ChannelInfo info_;
  // Within a call only.
  std::string_view input_;
  Output* output_ = nullptr;
};

}  // namespace tls
