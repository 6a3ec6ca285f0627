#include "tls/openssl_channel.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "tls/session_age.h"

namespace tls {
namespace {

bool IsAddress(std::string_view host_name) {
  if (host_name.size() > 2 && host_name.front() == '[' && host_name.back() == ']') return true;
  return base::IpAddress::Parse(host_name).has_value();
}

std::string NameOnTheWire(std::string_view host_name) {
  if (!host_name.empty() && host_name.back() == '.') host_name.remove_suffix(1);
  return std::string(host_name);
}

// Of a session that is kept: its ticket, and the server's certificates as they came. Tickets have some hundred bytes,
// and chains a few thousand; up to 64 KB and 100 KB are allowed, and whoever sends those has no claim on our memory.
constexpr std::size_t kSessionBytesMax = 16 * 1024;

std::size_t BytesOf(SSL* ssl, const SSL_SESSION& session) {
  const unsigned char* ticket = nullptr;
  std::size_t bytes = 0;
  SSL_SESSION_get0_ticket(&session, &ticket, &bytes);
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(chain); ++i)
    bytes += static_cast<std::size_t>(std::max(0, i2d_X509(sk_X509_value(chain, i), nullptr)));
  return bytes;
}

// As OpenSSL itself reads the clock, for certificates and tickets.
base::WallTime WallNow() { return base::WallTime::FromSeconds(std::time(nullptr)); }

// RFC 8460 section 4.3.1.
Result ResultOf(long verify) {
  switch (verify) {
    case X509_V_OK:
      return Result::kSuccess;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Result::kCertificateHostMismatch;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Result::kCertificateExpired;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return Result::kCertificateNotTrusted;
    default:
      return Result::kValidationFailure;
  }
}

}  // namespace

// OpenSSL reads and writes through this object's fields: what it writes goes to the caller's buffer at once, and what
// it reads lies where the socket's bytes were received.
class OpensslChannel::Call {
 public:
  Call(OpensslChannel& channel, std::string_view input, Output& output) : channel_(channel) {
    ERR_clear_error();  // The queue is the thread's: what others left there would be taken for ours.
    channel_.input_ = input;
    channel_.output_ = &output;
  }
  ~Call() {
    channel_.input_ = {};
    channel_.output_ = nullptr;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  OpensslChannel& channel_;
};

BIO_METHOD* OpensslChannel::MakeBioMethod() {
  BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "channel");
  CHECK(method != nullptr);
  BIO_meth_set_read(method, ReadBytes);
  BIO_meth_set_write(method, WriteBytes);
  BIO_meth_set_ctrl(method, Control);
  return method;
}

int OpensslChannel::ReadBytes(BIO* bio, char* to, int size) {
  auto& channel = *static_cast<OpensslChannel*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (channel.input_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(channel.input_.size(), static_cast<std::size_t>(size));
  std::memcpy(to, channel.input_.data(), count);
  channel.input_.remove_prefix(count);
  return static_cast<int>(count);
}

int OpensslChannel::WriteBytes(BIO* bio, const char* from, int size) {
  const auto& channel = *static_cast<OpensslChannel*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (channel.output_ != nullptr) channel.output_->Write({from, static_cast<std::size_t>(size)});
  return size;
}

long OpensslChannel::Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int OpensslChannel::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  auto& channel = *static_cast<OpensslChannel*>(SSL_get_app_data(ssl));
  if (BytesOf(ssl, *session) > kSessionBytesMax) return 0;  // OpenSSL drops it.
  if (SSL_session_reused(ssl) == 0) NoteFullHandshake(*session, WallNow());
  channel.context_.sessions_.Put(channel.cache_key_, OpensslPtr<SSL_SESSION>(session));
  return 1;  // It is the cache's now.
}

OpensslChannel::OpensslChannel(Context& context, SSL_CTX* settings, const ChannelFactory::Peer& peer)
    : context_(context),
      verifies_(!peer.tlsa.empty() || peer.policy.verification == Policy::Verification::kNameAndChain),
      observes_(peer.policy.verification == Policy::Verification::kObserved),
      compatible_(peer.profile == Profile::kCompatible),
      anchored_name_(HasTrustAnchor(peer.tlsa) ? NameOnTheWire(peer.host_name) : ""),
      cache_key_(SessionCache::KeyOf(peer, context.authorities_hash_)),
      ssl_(SSL_new(settings)) {
  CHECK(ssl_ != nullptr);
  BIO* const bio = BIO_new(context.bytes_.get());
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_connect_state(ssl_.get());
  const std::string name = NameOnTheWire(peer.host_name);
  const bool is_address = IsAddress(name);
  // A name that cannot be sent (longer than 255 bytes) is not; a certificate cannot be for it either.
  if (!is_address) SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  if (!peer.tlsa.empty()) {
    // Records that OpenSSL cannot use take nothing away from a policy that demands a certificate: nothing fits then.
    const bool demands = peer.policy.verification == Policy::Verification::kNameAndChain;
    tlsa_says_nothing_ = !ExpectTlsa(name, peer);
    verifies_ = !tlsa_says_nothing_ || demands;
    SSL_set_verify(ssl_.get(), verifies_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  } else if (verifies_ || observes_) {
    ExpectName(name, peer.address, is_address);
  }
  const OpensslPtr<SSL_SESSION> session = context_.sessions_.Take(cache_key_);
  if (session != nullptr && MayResume(*session, verifies_ || observes_, WallNow()))
    offered_session_ = SSL_set_session(ssl_.get(), session.get()) == 1;
}

void OpensslChannel::ExpectName(const std::string& name, const base::IpAddress& address, bool is_address) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl_.get());
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  CHECK(is_address ? X509_VERIFY_PARAM_set1_ip_asc(expected, address.ToString().c_str()) == 1
                   : X509_VERIFY_PARAM_set1_host(expected, name.data(), name.size()) == 1);
}

// RFC 7672 section 3.1: of a DANE-EE record neither name nor dates count; of a DANE-TA record the server's certificate
// must be for the host's name or the domain's (section 3.2.2), by its common name where it has no other (3.2.3). False:
// none of them says anything that OpenSSL can use, and any certificate will do.
bool OpensslChannel::ExpectTlsa(const std::string& name, const ChannelFactory::Peer& peer) {
  CHECK(SSL_dane_enable(ssl_.get(), name.c_str()) == 1);
  for (const std::string_view domain : {peer.domain, peer.canonical_domain}) {
    if (!domain.empty()) SSL_add1_host(ssl_.get(), std::string(domain).c_str());
  }
  SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_dane_set_flags(ssl_.get(), DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  bool any = false;
  for (const TlsaRecord& record : peer.tlsa) {
    any = SSL_dane_tlsa_add(ssl_.get(), record.usage, record.selector, record.matching,
                            reinterpret_cast<const unsigned char*>(record.data.data()), record.data.size()) > 0 ||
          any;
  }
  ERR_clear_error();
  return any;
}

// The certificate would do for another domain's mail to this host, too.
bool OpensslChannel::IsForHost() const {
  if (anchored_name_.empty()) return true;
  if (SSL_session_reused(ssl_.get()) == 1) return false;  // Nobody has looked at its names again.
  std::uint8_t usage = 0;
  if (SSL_get0_dane_tlsa(ssl_.get(), &usage, nullptr, nullptr, nullptr, nullptr) < 0) return true;  // None has matched.
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  return usage != 2 ||
         (certificate != nullptr && X509_check_host(certificate, anchored_name_.data(), anchored_name_.size(),
                                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1);
}

OpensslChannel::~OpensslChannel() {
  // OpenSSL takes a session whose connection ends without a goodbye for a bad one, and would not resume it.
  if (state_ == State::kOpen || state_ == State::kClosed)
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void OpensslChannel::Start(Output& to_peer) {
  const Call call(*this, {}, to_peer);
  static_cast<void>(Handshake());  // Without bytes of the peer nothing can fail but memory: the next call says so.
}

absl::Status OpensslChannel::Receive(std::string_view from_peer, std::string& plain, Output& to_peer) {
  if (state_ == State::kFailed) return absl::FailedPreconditionError("TLS has failed before");
  const Call call(*this, from_peer, to_peer);
  if (state_ == State::kHandshaking) {
    if (absl::Status status = Handshake(); !status.ok()) return status;
  }
  if (state_ == State::kOpen) return Read(plain);
  return absl::OkStatus();
}

absl::Status OpensslChannel::Handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ ? absl::OkStatus() : Fail(result);
  state_ = State::kOpen;
  const char* const cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl_.get()));
  info_.protocol = SSL_get_version(ssl_.get());
  info_.cipher = cipher != nullptr ? cipher : SSL_get_cipher_name(ssl_.get());
  info_.resumed = SSL_session_reused(ssl_.get()) == 1;
  info_.compatible = compatible_;
  info_.only_domain = !IsForHost();
  info_.verified = (verifies_ || observes_) && SSL_get_verify_result(ssl_.get()) == X509_V_OK;
  if (observes_) info_.certificate = ResultOf(SSL_get_verify_result(ssl_.get()));
  if (tlsa_says_nothing_) info_.certificate = Result::kTlsaInvalid;
  return absl::OkStatus();
}

absl::Status OpensslChannel::Read(std::string& plain) {
  std::string& record = context_.scratch_;
  while (true) {
    const int count = SSL_read(ssl_.get(), record.data(), static_cast<int>(record.size()));
    if (count > 0) {
      plain.append(record, 0, static_cast<std::size_t>(count));
      // To ask once more only to hear that nothing is left costs OpenSSL a new buffer.
      if (input_.empty() && SSL_has_pending(ssl_.get()) == 0) return absl::OkStatus();
      continue;
    }
    switch (SSL_get_error(ssl_.get(), count)) {
      case SSL_ERROR_WANT_READ:
        return absl::OkStatus();
      case SSL_ERROR_ZERO_RETURN:
        state_ = State::kClosed;
        return absl::OkStatus();
      default:
        return Fail(count);
    }
  }
}

absl::Status OpensslChannel::Send(absl::Span<const std::string_view> pieces, Output& to_peer) {
  CHECK(state_ == State::kOpen);
  const Call call(*this, {}, to_peer);
  std::string& record = context_.scratch_;
  std::size_t filled = 0;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (filled == 0 && piece.size() >= record.size()) {  // A whole record, from where it lies.
        if (absl::Status status = Write(piece.substr(0, record.size())); !status.ok()) return status;
        piece.remove_prefix(record.size());
        continue;
      }
      const std::size_t count = std::min(piece.size(), record.size() - filled);
      std::memcpy(record.data() + filled, piece.data(), count);
      filled += count;
      piece.remove_prefix(count);
      if (filled < record.size()) continue;
      if (absl::Status status = Write(record); !status.ok()) return status;
      filled = 0;
    }
  }
  return filled == 0 ? absl::OkStatus() : Write(std::string_view(record).substr(0, filled));
}

absl::Status OpensslChannel::Write(std::string_view plain) {
  const int result = SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size()));
  return result > 0 ? absl::OkStatus() : Fail(result);
}

void OpensslChannel::Close(Output& to_peer) {
  CHECK(state_ == State::kOpen);
  const Call call(*this, {}, to_peer);
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  state_ = State::kClosed;
}

absl::Status OpensslChannel::Fail(int result) {
  const std::string text = ErrorText(result);
  if (verifies_) info_.certificate = ResultOf(SSL_get_verify_result(ssl_.get()));
  if (tlsa_says_nothing_) info_.certificate = Result::kTlsaInvalid;
  if (state_ == State::kHandshaking && offered_session_) context_.sessions_.Forget(cache_key_);
  state_ = State::kFailed;
  ERR_clear_error();
  return absl::DataLossError(text);
}

std::string OpensslChannel::ErrorText(int result) const {
  const long verify = SSL_get_verify_result(ssl_.get());
  if (verifies_ && verify != X509_V_OK)
    return absl::StrCat("the certificate does not hold: ", X509_verify_cert_error_string(verify));
  if (const char* const reason = ERR_reason_error_string(ERR_peek_error())) return absl::StrCat("TLS: ", reason);
  return absl::StrCat("TLS failed (", SSL_get_error(ssl_.get(), result), ")");
}

}  // namespace tls
