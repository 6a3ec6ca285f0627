// The record that publishes a key (RFC 6376 section 3.6.1), held against the key that signs. Pure.
#pragma once

#include <string>
#include <string_view>

#include "engine/dkim/signing_key.h"

namespace dkim {

// What verifiers must find for the signatures of one key to be valid.
struct PublishedKey {
  std::string name;      // "s1._domainkey.example.com"
  std::string domain;    // d=
  std::string identity;  // i=; empty: absent.
  std::string record;    // As PrivateKey::PublicRecord has it.
};
// Errors: the key cannot be read; it was, when the campaign was started.
absl::StatusOr<PublishedKey> PublishedKeyOf(const SigningKey& key);

bool IsEd25519(const PublishedKey& key);  // Else it is RSA.

struct KeyRecordCheck {
  std::string fault;  // Why signatures do not verify with this record; empty: they do.
  std::string note;   // What is odd about a good one; empty: nothing.
};
KeyRecordCheck CheckKeyRecord(std::string_view published, const PublishedKey& key);

}  // namespace dkim
