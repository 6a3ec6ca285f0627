// SHA-256 as a plain value, whose copies go on where it is: OpenSSL 3 has no other function for that which takes no
// lock.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine/campaign/token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstring>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"

namespace campaign {
namespace {

constexpr std::string_view kPrefix = "v1", kTestPrefix = "t1";
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648 section 6, lower case
constexpr std::size_t kHeadSize = 1 + 4 + 5, kMacSize = 10, kNonceSize = 3, kTestMacSize = 7, kSecretSize = 32,
                      kFingerprintSize = 8;
constexpr std::string_view kFileMagic = "sluice-token-key";

std::string Base32(std::string_view prefix, std::string_view bytes) {
  std::string out;
  out.reserve(prefix.size() + bytes.size() * 8 / 5 + 1);
  out.append(prefix);
  std::uint64_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    count += 8;
    while (count >= 5) {
      count -= 5;
      out.push_back(kAlphabet[(bits >> count) & 31]);
    }
  }
  if (count > 0) out.push_back(kAlphabet[(bits << (5 - count)) & 31]);
  return out;
}

bool FromBase32(std::string_view text, std::string& out) {
  std::uint64_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(base::ToLowerAscii(c));
    if (value == std::string_view::npos) return false;
    bits = (bits << 5) | value;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count));
  }
  return count < 5 && (bits & ((1u << count) - 1)) == 0;
}

void Hash(std::string_view bytes, SHA256_CTX& state) { SHA256_Update(&state, bytes.data(), bytes.size()); }

char* PutBig(std::uint64_t value, int bytes, char* to) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) *to++ = static_cast<char>(value >> shift);
  return to;
}

std::uint64_t GetBig(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

// HMAC (RFC 2104) behind the key: what the inner and the outer hash begin with.
struct TokenKey::HmacStates {
  explicit HmacStates(std::string_view secret) {
    static_assert(kSecretSize <= SHA256_CBLOCK);
    for (const auto& [pad, state] : {std::pair(0x36, &inner), std::pair(0x5C, &outer)}) {
      std::string block(SHA256_CBLOCK, static_cast<char>(pad));
      for (std::size_t i = 0; i < secret.size(); ++i) block[i] = static_cast<char>(block[i] ^ secret[i]);
      SHA256_Init(state);
      Hash(block, *state);
      OPENSSL_cleanse(block.data(), block.size());
    }
  }
  SHA256_CTX inner{}, outer{};
};

std::uint64_t CampaignHash(std::string_view campaign_id) { return base::StableHash(campaign_id, 0x746F6B); }

absl::StatusOr<TokenKey> TokenKey::Parse(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::string_view rest = base::TrimAscii(text); !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    words.push_back(word);
    rest = base::TrimAscii(rest.substr(word.size()));
  }
  const auto id = words.size() == 4 ? base::ParseInteger<std::uint8_t>(words[2]) : std::nullopt;
  const bool is_hex = words.size() == 4 && words[3].size() == 2 * kSecretSize &&
                      words[3].find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  if (!id.has_value() || !is_hex || words[0] != kFileMagic || words[1] != "1") {
    return absl::InvalidArgumentError(
        "not a token key; it is one line: sluice-token-key 1 ID and 64 hexadecimal digits");
  }
  TokenKey key;
  key.id_ = *id;
  key.hmac_ = std::make_shared<HmacStates>(absl::HexStringToBytes(base::AbslView(words[3])));
  return key;
}

absl::StatusOr<std::string> TokenKey::Generate() {
  std::string secret(kSecretSize + 1, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), static_cast<int>(secret.size())) != 1) {
    return absl::InternalError("no randomness for a token key");
  }
  const int id = static_cast<unsigned char>(secret.back());
  secret.pop_back();
  return absl::StrFormat("%s 1 %d %s\n", kFileMagic, id, absl::BytesToHexString(base::AbslView(secret)));
}

void TokenKey::PutMac(std::string_view head, std::size_t mac_size, char* to) const {
  unsigned char mac[SHA256_DIGEST_LENGTH];
  SHA256_CTX inner = hmac_->inner, outer = hmac_->outer;
  Hash(head, inner);
  SHA256_Final(mac, &inner);
  Hash({reinterpret_cast<const char*>(mac), sizeof mac}, outer);
  SHA256_Final(mac, &outer);
  std::memcpy(to, mac, mac_size);
}

std::string TokenKey::Fingerprint() const {
  char mac[kFingerprintSize];
  PutMac("fingerprint of a token key", sizeof mac, mac);
  return absl::BytesToHexString({mac, sizeof mac});
}

char* TokenKey::PutHead(std::string_view campaign_id, std::uint64_t row, char* to) const {
  *to++ = static_cast<char>(id_);
  return PutBig(row, 5, PutBig(CampaignHash(campaign_id) & 0xFFFFFFFF, 4, to));
}

std::string TokenKey::Make(std::string_view campaign_id, std::uint64_t row) const {
  char bytes[kHeadSize + kMacSize];
  PutMac({bytes, kHeadSize}, kMacSize, PutHead(campaign_id, row, bytes));
  return Base32(kPrefix, {bytes, sizeof bytes});
}

// The head has another length than in a token of the row itself, so that neither's MAC is good for the other.
absl::StatusOr<std::string> TokenKey::MakeForTest(std::string_view campaign_id, std::uint64_t row) const {
  char bytes[kHeadSize + kNonceSize + kTestMacSize];
  char* const nonce = PutHead(campaign_id, row, bytes);
  if (RAND_bytes(reinterpret_cast<unsigned char*>(nonce), kNonceSize) != 1)
    return absl::InternalError("no randomness for a token");
  PutMac({bytes, kHeadSize + kNonceSize}, kTestMacSize, nonce + kNonceSize);
  return Base32(kTestPrefix, {bytes, sizeof bytes});
}

absl::StatusOr<Token> TokenKey::Decode(std::string_view text) const {
  std::string bytes;
  const bool is_test = base::StartsWithIgnoreCase(text, kTestPrefix);
  const std::size_t head_size = is_test ? kHeadSize + kNonceSize : kHeadSize;
  const std::size_t mac_size = is_test ? kTestMacSize : kMacSize;
  const bool well_formed = (is_test || base::StartsWithIgnoreCase(text, kPrefix)) &&
                           FromBase32(text.substr(kPrefix.size()), bytes) && bytes.size() == head_size + mac_size;
  if (!well_formed) return absl::InvalidArgumentError(absl::StrFormat("\"%s\" is not a token", text));
  const std::string_view head = std::string_view(bytes).substr(0, head_size);
  char mac[kMacSize];
  PutMac(head, mac_size, mac);
  if (static_cast<unsigned char>(bytes[0]) != id_ || CRYPTO_memcmp(mac, bytes.data() + head_size, mac_size) != 0) {
    return absl::PermissionDeniedError(absl::StrFormat("\"%s\" was not made with this key", text));
  }
  return Token{id_, static_cast<std::uint32_t>(GetBig(head.substr(1, 4))), GetBig(head.substr(5, 5)), is_test};
}

}  // namespace campaign
