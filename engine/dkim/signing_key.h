// A key with the signature that it makes: what a campaign signs with.
#pragma once

#include <string>

#include "engine/base/secret_string.h"
#include "engine/dkim/signature.h"

namespace dkim {

struct SigningKey {
  SignatureSpec spec;
  base::SecretString pem;   // The private key.
  std::string fingerprint;  // Of the public key.
  // "s1._domainkey.example.com": where its public key is.
  std::string Name() const { return spec.selector + "._domainkey." + spec.domain; }
};

}  // namespace dkim
