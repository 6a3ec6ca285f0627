// DKIM-Signature header fields (RFC 6376 section 3.5): all of them but the private key's part. A Composer makes a field
// up to "b=" and the digest that the key signs; CompleteField adds the signature.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "engine/base/time.h"
#include "engine/dkim/canonical.h"
#include "engine/dkim/crypto.h"
#include "engine/dkim/header_fields.h"
#include "engine/dkim/prefix_hash.h"
#include "engine/dkim/private_key.h"

namespace dkim {

// What a signature says, apart from the message.
struct SignatureSpec {
  std::string domain;    // d=, in A-labels.
  std::string selector;  // s=
  Algorithm algorithm = Algorithm::kRsaSha256;
  Canonicalization header = Canonicalization::kRelaxed;
  Canonicalization body = Canonicalization::kRelaxed;
  std::string identity;                  // i=, "[LOCAL-PART]@DOMAIN" within `domain`; empty: absent.
  std::optional<base::Duration> expire;  // x= is t= and so much; none: absent.
};

// Composes the signatures of one message after another; keeps its memory. One thread.
class Composer {
 public:
  // Takes a message: bytes in order, borrowed until the next Take. The first piece holds the whole header section and
  // the empty line that ends it. `same_body`: the body is that of every message that was taken with it.
  void Take(absl::Span<const std::string_view> pieces, bool same_body = false);
  // Replaces `field` by the signature's header field up to "b=", and returns what the key has to sign: the digest of
  // the signed fields and of `field` itself (section 3.7).
  Digest Compose(const SignatureSpec& spec, base::WallTime now, std::string& field);

 private:
  const Digest& BodyHashIn(Canonicalization mode);

  // By canonicalization.
  PrefixHash bodies_[2] = {PrefixHash(Canonicalization::kSimple), PrefixHash(Canonicalization::kRelaxed)};
  PrefixHash headers_[2] = {PrefixHash(std::nullopt), PrefixHash(std::nullopt)};
  bool same_body_ = false;
  std::vector<std::string_view> body_;  // In pieces.
  std::vector<Field> fields_;
  FieldChoice choice_;
  std::optional<Digest> body_hashes_[2];  // By canonicalization, of this message…
  std::optional<Digest> same_hashes_[2];  // …and of all that have the same body.
  std::string scratch_, base64_;
};

// Appends a raw signature in base64, folded, and the CRLF that ends the field.
void CompleteField(std::string_view signature, std::string& field);

}  // namespace dkim
