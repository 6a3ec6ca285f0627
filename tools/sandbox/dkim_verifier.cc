#include "tools/sandbox/dkim_verifier.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr int kRsaBitsMin = 1024;  // RFC 8301 §3.2
constexpr std::size_t kEd25519Size = 32;

std::string Sha256(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Digits only, at most 12 of them (RFC 6376 §3.5, t= and x=).
std::optional<std::int64_t> ParseTime(std::string_view text) {
  if (text.size() > 12 || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return base::ParseInteger<std::int64_t>(text);
}

bool IsUnder(std::string_view domain, std::string_view parent) {
  if (!domain.ends_with(parent)) return false;
  return domain.size() == parent.size() || domain[domain.size() - parent.size() - 1] == '.';
}

bool Contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

// What the signature is made over (RFC 6376 §3.7): the listed fields, each name from the bottom up, then its own field
// without the value of b=.
std::string SignedHeader(const ParsedMessage& message, const HeaderField& own, const DkimTags::Span& b,
                         const std::vector<std::string>& names, Canonicalization form) {
  std::string data;
  std::vector<bool> used(message.fields.size(), false);
  for (const std::string& name : names) {
    for (std::size_t i = message.fields.size(); i-- > 0;) {
      if (used[i] || !base::EqualsIgnoreCase(message.fields[i].name, name)) continue;
      used[i] = true;
      data += CanonicalHeader(message.fields[i], form) + "\r\n";
      break;
    }
  }
  const std::size_t before = own.raw.size() - own.value.size();
  const std::string raw =
      absl::StrCat(base::AbslView(own.raw.substr(0, before + b.begin)), base::AbslView(own.value.substr(b.end)));
  const std::string_view rest = raw;
  return data + CanonicalHeader({own.name, rest.substr(before), rest}, form);
}

}  // namespace

bool DkimVerifier::Key::Holds(std::string_view data, std::string_view signature) const {
  const std::string digest = Sha256(data);
  bool holds = false;
  if (ed25519) {  // RFC 8463 §3: it signs the digest.
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> once(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    holds = once != nullptr && EVP_DigestVerifyInit(once.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
            EVP_DigestVerify(once.get(), Bytes(signature), signature.size(), Bytes(digest), digest.size()) == 1;
  } else {
    holds = EVP_PKEY_verify(rsa.get(), Bytes(signature), signature.size(), Bytes(digest), digest.size()) == 1;
  }
  ERR_clear_error();
  return holds;
}

// The tags of one DKIM-Signature field, as far as they are needed.
struct DkimVerifier::Signature {
  bool ed25519 = false;
  Canonicalization header = Canonicalization::kSimple;
  Canonicalization body = Canonicalization::kSimple;
  std::optional<std::uint64_t> length;  // l=
  std::string body_hash;
  std::string signature;
  std::string identity_domain;  // Of i=; d= where there is none.

  // What is wrong; "": nothing.
  std::string_view Read(const DkimTags& tags, SignatureVerdict& verdict, std::int64_t now_s);

 private:
  bool ReadForms(std::string_view text);
  std::string_view ReadTimes(const DkimTags& tags, std::int64_t now_s) const;
};

bool DkimVerifier::Signature::ReadForms(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view forms[] = {text.substr(0, slash),
                                    slash == std::string_view::npos ? "simple" : text.substr(slash + 1)};
  for (const std::string_view form : forms) {
    if (form != "simple" && form != "relaxed") return false;
  }
  header = forms[0] == "relaxed" ? Canonicalization::kRelaxed : Canonicalization::kSimple;
  body = forms[1] == "relaxed" ? Canonicalization::kRelaxed : Canonicalization::kSimple;
  return true;
}

std::string_view DkimVerifier::Signature::ReadTimes(const DkimTags& tags, std::int64_t now_s) const {
  const auto signed_at = tags.Find("t");
  const auto expires = tags.Find("x");
  const std::optional<std::int64_t> from = ParseTime(signed_at.value_or("0"));
  const std::optional<std::int64_t> until = ParseTime(expires.value_or("999999999999"));
  if (!from || !until || (expires && *until <= *from)) return "t= or x= is malformed";
  return *until < now_s ? "signature has expired" : "";
}

std::string_view DkimVerifier::Signature::Read(const DkimTags& tags, SignatureVerdict& verdict, std::int64_t now_s) {
  for (const char* required : {"v", "a", "b", "bh", "d", "h", "s"}) {
    if (tags.Get(required, "").empty()) return "a required tag is missing";
  }
  if (tags.Get("v", "") != "1") return "v= is not 1";
  const std::string_view algorithm = tags.Get("a", "");
  ed25519 = algorithm == "ed25519-sha256";
  if (!ed25519 && algorithm != "rsa-sha256") return "a= is neither rsa-sha256 nor ed25519-sha256";
  if (!ReadForms(tags.Get("c", "simple/simple"))) return "c= is unknown";
  verdict.domain = base::LowerAscii(tags.Get("d", ""));
  verdict.selector = base::LowerAscii(tags.Get("s", ""));
  verdict.signed_fields = SplitColons(base::LowerAscii(tags.Get("h", "")));
  if (!Contains(verdict.signed_fields, "from")) return "From is not signed";
  if (Contains(verdict.signed_fields, "dkim-signature")) return "the signature signs itself";
  const std::string identity = base::LowerAscii(tags.Get("i", absl::StrCat("@", verdict.domain)));
  const std::size_t at = identity.rfind('@');
  if (at == std::string::npos) return "i= is malformed";
  identity_domain = identity.substr(at + 1);
  if (!IsUnder(identity_domain, verdict.domain)) return "i= is not under d=";
  if (!Contains(SplitColons(tags.Get("q", "dns/txt")), "dns/txt")) return "q= is unknown";
  if (const auto text = tags.Find("l")) {
    length = base::ParseInteger<std::uint64_t>(*text);
    if (!length) return "l= is malformed";
  }
  std::optional<std::string> hash = DecodeBase64(tags.Get("bh", ""));
  std::optional<std::string> bytes = DecodeBase64(tags.Get("b", ""));
  if (!hash || !bytes) return "b= or bh= is not base64";
  body_hash = *std::move(hash);
  signature = *std::move(bytes);
  return ReadTimes(tags, now_s);
}

DkimVerifier::Key DkimVerifier::ParseKey(std::string_view record) {
  Key key;
  const std::optional<DkimTags> tags = DkimTags::Parse(record);
  const auto invalid = [](std::string_view fault) {
    Key none;
    none.fault = fault;
    return none;
  };
  if (!tags || tags->Get("v", "DKIM1") != "DKIM1") return invalid("key record is malformed");
  const auto text = tags->Find("p");
  if (!text) return invalid("key record is malformed");
  if (text->empty()) return invalid("key is revoked");
  const std::string_view type = tags->Get("k", "rsa");
  if (type != "rsa" && type != "ed25519") return invalid("key type is unknown");
  if (!Contains(SplitColons(tags->Get("h", "sha256")), "sha256")) return invalid("key does not allow SHA-256");
  const std::vector<std::string> services = SplitColons(tags->Get("s", "*"));
  if (!Contains(services, "*") && !Contains(services, "email")) return invalid("key is not for mail");
  key.strict_identity = Contains(SplitColons(tags->Get("t", "")), "s");
  key.ed25519 = type == "ed25519";
  const std::optional<std::string> bytes = DecodeBase64(*text);
  if (!bytes) return invalid("key is not base64");
  if (key.ed25519) {
    if (bytes->size() == kEd25519Size)
      key.key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*bytes), bytes->size()));
  } else {
    const unsigned char* at = Bytes(*bytes);
    key.key.reset(d2i_PUBKEY(nullptr, &at, static_cast<long>(bytes->size())));
    if (key.key != nullptr && EVP_PKEY_is_a(key.key.get(), "RSA") != 1) key.key = nullptr;
    if (key.key != nullptr && EVP_PKEY_get_bits(key.key.get()) < kRsaBitsMin) return invalid("key is too short");
    if (key.key != nullptr) key.rsa.reset(EVP_PKEY_CTX_new(key.key.get(), nullptr));
    if (key.rsa == nullptr || EVP_PKEY_verify_init(key.rsa.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(key.rsa.get(), RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(key.rsa.get(), EVP_sha256()) != 1)
      key.key = nullptr;
  }
  ERR_clear_error();
  if (key.key == nullptr) return invalid("key cannot be read");
  return key;
}

const DkimVerifier::Key& DkimVerifier::FindKey(const std::string& name) {
  if (const auto found = keys_.find(name); found != keys_.end()) return found->second;
  if (keys_.size() >= kKeysMax) keys_.clear();
  const std::optional<std::string> record = find_text_(name);
  Key key;
  if (record) {
    key = ParseKey(*record);
  } else {
    key.fault = "no key record";
  }
  return keys_.emplace(name, std::move(key)).first->second;
}

std::string DkimVerifier::BodyHash(const ParsedMessage& message, const Signature& signature) {
  std::string body = CanonicalBody(message.body, signature.body);
  if (signature.length) {
    if (*signature.length > body.size()) return "";
    body.resize(*signature.length);
  }
  return Sha256(body);
}

SignatureVerdict DkimVerifier::VerifyOne(const ParsedMessage& message, const HeaderField& field, std::int64_t now_s) {
  SignatureVerdict verdict;
  const std::optional<DkimTags> tags = DkimTags::Parse(field.value);
  if (!tags) {
    verdict.fault = "signature is malformed";
    return verdict;
  }
  Signature signature;
  verdict.fault = signature.Read(*tags, verdict, now_s);
  if (!verdict.valid()) return verdict;
  const Key& key = FindKey(absl::StrCat(verdict.selector, "._domainkey.", verdict.domain));
  verdict.fault = key.fault;
  if (!verdict.valid()) return verdict;
  if (key.ed25519 != signature.ed25519) {
    verdict.fault = "key is of another type";
  } else if (key.strict_identity && signature.identity_domain != verdict.domain) {
    verdict.fault = "key allows no i= under d=";
  } else if (BodyHash(message, signature) != signature.body_hash) {
    verdict.fault = "body hash differs";
  } else if (!key.Holds(SignedHeader(message, field, *tags->FindSpan("b"), verdict.signed_fields, signature.header),
                        signature.signature)) {
    verdict.fault = "signature does not verify";
  }
  return verdict;
}

std::vector<SignatureVerdict> DkimVerifier::Verify(const ParsedMessage& message, std::int64_t now_s) {
  std::vector<SignatureVerdict> verdicts;
  for (const HeaderField& field : message.fields) {
    if (!base::EqualsIgnoreCase(field.name, "DKIM-Signature") || verdicts.size() >= kSignaturesMax) continue;
    verdicts.push_back(VerifyOne(message, field, now_s));
  }
  return verdicts;
}

}  // namespace sandbox
