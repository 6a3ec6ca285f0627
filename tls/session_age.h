// For how long a TLS session may be resumed. A resumed handshake looks at no certificate, and each brings tickets for
// the next one: without an end, nobody would look again (RFC 8446 section 4.6.1 has seven days).
#pragma once

#include <openssl/ssl.h>

#include "engine/base/time.h"

namespace tls {

inline constexpr base::Duration kResumedMax = base::Duration::Hours(7 * 24);  // Since the full handshake.

// The session is of a full handshake. Those that follow from it, and their bytes on disk, keep the time.
void NoteFullHandshake(SSL_SESSION& session, base::WallTime at);

// `verifies`: the server's certificate counts, and so does its end. False for a session without such a note.
bool MayResume(const SSL_SESSION& session, bool verifies, base::WallTime now);

}  // namespace tls
