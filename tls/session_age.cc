#include "tls/session_age.h"

#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/text.h"

namespace tls {
namespace {

// What OpenSSL keeps with a session for applications. Only servers write it into their tickets.
std::optional<base::WallTime> FullHandshakeOf(const SSL_SESSION& session) {
  void* data = nullptr;
  std::size_t size = 0;
  // OpenSSL takes it as not const, and changes nothing.
  if (SSL_SESSION_get0_ticket_appdata(const_cast<SSL_SESSION*>(&session), &data, &size) != 1 || data == nullptr)
    return std::nullopt;
  const auto seconds = base::ParseInteger<std::int64_t>(std::string_view(static_cast<const char*>(data), size));
  if (!seconds.has_value()) return std::nullopt;
  return base::WallTime::FromSeconds(*seconds);
}

}  // namespace

void NoteFullHandshake(SSL_SESSION& session, base::WallTime at) {
  const std::string seconds = std::to_string(at.seconds());
  CHECK(SSL_SESSION_set1_ticket_appdata(&session, seconds.data(), seconds.size()) == 1);
}

bool MayResume(const SSL_SESSION& session, bool verifies, base::WallTime now) {
  const std::optional<base::WallTime> full = FullHandshakeOf(session);
  if (!full.has_value() || *full > now || now - *full >= kResumedMax) return false;
  if (!verifies) return true;
  const X509* const certificate = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(&session));
  if (certificate == nullptr) return false;
  std::time_t at = now.seconds();
  return X509_cmp_time(X509_get0_notAfter(certificate), &at) > 0;
}

}  // namespace tls
