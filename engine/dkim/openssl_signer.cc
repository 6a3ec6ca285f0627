#include "engine/dkim/openssl_signer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace dkim {

absl::StatusOr<std::unique_ptr<OpensslSigner>> OpensslSigner::Make(absl::Span<const SigningKey> keys) {
  std::unique_ptr<OpensslSigner> signer(new OpensslSigner());
  for (const SigningKey& key : keys) {
    // Weak ones were refused, or allowed, when the configuration was read.
    absl::StatusOr<std::unique_ptr<PrivateKey>> parsed =
        PrivateKey::Parse(key.pem, /*allow_weak=*/true, signer->crypto_);
    if (!parsed.ok()) return parsed.status();
    signer->keys_.push_back(*std::move(parsed));
    signer->names_.push_back(key.Name());
  }
  return signer;
}

void OpensslSigner::SignDigests(absl::Span<SignRequest* const> requests, absl::Span<absl::Status> statuses) {
  CHECK(requests.size() == statuses.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    SignRequest& request = *requests[i];
    CHECK(request.key < keys_.size());
    absl::StatusOr<std::string> signature = keys_[request.key]->Sign(request.digest);
    if (signature.ok()) {
      request.signature = *std::move(signature);
    } else {
      statuses[i] = absl::InternalError(absl::StrCat(names_[request.key], ": ", signature.status().message()));
    }
  }
}

absl::StatusOr<std::string> SignNow(absl::Span<const SigningKey> keys, absl::Span<const std::string_view> pieces,
                                    base::WallTime now) {
  const Crypto crypto;
  Composer composer;
  composer.Take(pieces);
  std::string fields, field;
  for (const SigningKey& key : keys) {
    absl::StatusOr<std::unique_ptr<PrivateKey>> parsed = PrivateKey::Parse(key.pem, /*allow_weak=*/true, crypto);
    if (!parsed.ok()) return parsed.status();
    const absl::StatusOr<std::string> signature = (*parsed)->Sign(composer.Compose(key.spec, now, field));
    if (!signature.ok()) return signature.status();
    CompleteField(*signature, field);
    fields += field;
  }
  return fields;
}

}  // namespace dkim
