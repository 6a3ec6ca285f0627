#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <utility>

#include "engine/base/check.h"
#include "engine/base/stable_hash.h"
#include "tls/openssl_channel.h"

namespace tls {
namespace {

// X25519 is the fastest by far, and what the key share is made for.
constexpr char kGroups[] = "X25519:P-256:X448:P-384:P-521";
// AES-128-GCM first: a third less work than AES-256. TLS 1.3, then 1.2.
constexpr char kSuites[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
// Where any certificate will do, an old cipher is better than none: key lengths and hashes are not looked at either.
constexpr char kTrustingCiphers[] =
    "ECDHE+AES128+AESGCM:ECDHE+CHACHA20:ECDHE+AESGCM:DHE+AES128+AESGCM:DHE+AESGCM:ECDHE+AES:DHE+AES:AES:!aNULL:!eNULL:"
    "!PSK:!SRP:@SECLEVEL=0";
constexpr char kVerifyingCiphers[] =
    "ECDHE+AES128+AESGCM:ECDHE+CHACHA20:ECDHE+AESGCM:DHE+AES128+AESGCM:DHE+AESGCM:ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP:"
    "@SECLEVEL=1";

// The compatible profile: TLS 1.2, for servers that cannot bear the word of a later version, with a short list of
// groups in front, and everything that OpenSSL has but what encrypts or authenticates nothing.
constexpr char kCompatibleGroups[] =
    "P-256:P-384:P-521:X25519:X448:secp256k1:brainpoolP256r1:brainpoolP384r1:brainpoolP512r1:ffdhe2048:ffdhe3072";
constexpr char kCompatibleTrustingCiphers[] = "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0";
// Where the certificate matters, so does that what was written down cannot be read once its key is known.
constexpr char kCompatibleVerifyingCiphers[] = "ECDHE:DHE:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=1";

// Of a Diffie-Hellman group that the server chooses: the time grows with the cube of its size, and OpenSSL takes
// 10,000.
constexpr int kDhBitsMax = 4096;

using SecurityCallback = int (*)(const SSL*, const SSL_CTX*, int operation, int bits, int nid, void* other,
                                 void* usual);

// `usual`: OpenSSL's own answer, by the security level.
int IsAllowed(const SSL* ssl, const SSL_CTX* settings, int operation, int bits, int nid, void* other, void* usual) {
  const bool is_dh = operation == SSL_SECOP_TMP_DH && other != nullptr;
  if (is_dh && EVP_PKEY_get_bits(static_cast<const EVP_PKEY*>(other)) > kDhBitsMax) return 0;
  return reinterpret_cast<SecurityCallback>(usual)(ssl, settings, operation, bits, nid, other, nullptr);
}

constexpr std::size_t kRecordMax = 16384;  // Bytes of plain text (RFC 8446 section 5.1).

// Calls `use` with each certificate. False: there is none, or a damaged one.
template <typename Use>
bool ForEachCertificate(std::string_view pem, OSSL_LIB_CTX* library, Use use) {
  const OpensslPtr<BIO> bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CHECK(bytes != nullptr);
  for (bool found = false;; found = true) {
    X509* read = X509_new_ex(library, nullptr);
    CHECK(read != nullptr);
    const bool ok = PEM_read_bio_X509_AUX(bytes.get(), &read, nullptr, nullptr) != nullptr;
    const OpensslPtr<X509> certificate(read);
    if (ok) {
      use(certificate.get());
      continue;
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return found && at_end;
  }
}

}  // namespace

absl::Status Context::CheckAuthorities(std::string_view authorities) {
  if (ForEachCertificate(authorities, nullptr, [](X509*) {})) return absl::OkStatus();
  return absl::InvalidArgumentError("holds no certificates in PEM form, or a damaged one");
}

Context::Context(const Options& options)
    : options_(options),
      sessions_(options.sessions_max, options.stored_sessions),
      library_(OSSL_LIB_CTX_new()),
      bytes_(OpensslChannel::MakeBioMethod()),
      authorities_hash_(base::StableHash(options.authorities)),
      scratch_(kRecordMax, '\0') {
  CHECK(library_ != nullptr && bytes_ != nullptr);
}

Context::~Context() = default;

SSL_CTX* Context::MakeSettings(Judge judge, Profile profile) const {
  const bool compatible = profile == Profile::kCompatible;
  const bool verifies = judge == Judge::kAuthorities || judge == Judge::kTlsa;
  OpensslPtr<SSL_CTX> made(SSL_CTX_new_ex(library_.get(), nullptr, TLS_client_method()));
  SSL_CTX* const settings = made.get();
  CHECK(settings != nullptr);
  CHECK(SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION) == 1);
  CHECK(SSL_CTX_set_max_proto_version(settings, compatible ? TLS1_2_VERSION : TLS1_3_VERSION) == 1);
  CHECK(SSL_CTX_set1_groups_list(settings, compatible ? kCompatibleGroups : kGroups) == 1);
  CHECK(SSL_CTX_set_ciphersuites(settings, kSuites) == 1);
  const char* const ciphers = compatible ? (verifies ? kCompatibleVerifyingCiphers : kCompatibleTrustingCiphers)
                                         : (verifies ? kVerifyingCiphers : kTrustingCiphers);
  CHECK(SSL_CTX_set_cipher_list(settings, ciphers) == 1);
  SSL_CTX_set0_security_ex_data(settings, reinterpret_cast<void*>(SSL_CTX_get_security_callback(settings)));
  SSL_CTX_set_security_callback(settings, IsAllowed);
  // Buffers are there while a record is under way only: an idle connection has none.
  SSL_CTX_set_mode(settings, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(settings, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A server without RFC 5746 can be taken as long as nobody renegotiates.
  if (compatible) SSL_CTX_set_options(settings, SSL_OP_LEGACY_SERVER_CONNECT);
  // It follows a failure: a server with TLS 1.3 shall refuse it (RFC 7507). Where the mail would go in clear then, that
  // would help whoever made it fail.
  if (compatible && verifies) SSL_CTX_set_mode(settings, SSL_MODE_SEND_FALLBACK_SCSV);
  SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(settings, OpensslChannel::OnNewSession);
  SSL_CTX_set_verify(settings, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (judge == Judge::kTlsa) CHECK(SSL_CTX_dane_enable(settings) == 1);
  if (judge == Judge::kAuthorities || judge == Judge::kAuthoritiesButTrusts) {
    X509_STORE* const store = SSL_CTX_get_cert_store(settings);
    ForEachCertificate(options_.authorities, library_.get(),
                       [store](X509* authority) { X509_STORE_add_cert(store, authority); });
    ERR_clear_error();
  }
  return made.release();
}

Context::Judge Context::JudgeOf(const Peer& peer) {
  if (!peer.tlsa.empty()) return Judge::kTlsa;
  switch (peer.policy.verification) {
    case Policy::Verification::kNone:
      return Judge::kNobody;
    case Policy::Verification::kObserved:
      return Judge::kAuthoritiesButTrusts;
    case Policy::Verification::kNameAndChain:
      return Judge::kAuthorities;
  }
  return Judge::kAuthorities;
}

SSL_CTX* Context::SettingsFor(const Peer& peer) {
  const Judge judge = JudgeOf(peer);
  OpensslPtr<SSL_CTX>& settings = settings_[static_cast<std::size_t>(judge)][static_cast<std::size_t>(peer.profile)];
  if (settings == nullptr) settings.reset(MakeSettings(judge, peer.profile));
  return settings.get();
}

std::unique_ptr<Channel> Context::MakeClient(const Peer& peer) {
  return std::make_unique<OpensslChannel>(*this, SettingsFor(peer), peer);
}

}  // namespace tls
