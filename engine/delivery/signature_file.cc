#include "engine/delivery/signature_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/base/crc32c.h"

namespace delivery {
namespace {

constexpr std::string_view kMagic = "SLUICES1";
constexpr std::size_t kFixedHead = 32, kKeyEntry = 36, kFixedRecord = 16, kChecksum = 4;
constexpr std::uint32_t kSignatureMost = 512;  // RSA with 4096 bits.
constexpr base::Duration kAgeMax = base::Duration::Hours(7 * 24);
constexpr std::uint64_t kRecipientsMost = std::uint64_t{1} << 40;
constexpr std::size_t kDigest = std::tuple_size_v<dkim::Digest>;

template <typename Number>
void Put(Number value, std::string& out) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <typename Number>
Number Get(std::string_view bytes, std::size_t at) {
  CHECK(at + sizeof(Number) <= bytes.size());
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::uint32_t ChecksumOf(ledger::RecipientId id, std::string_view bytes) {
  std::string number;
  Put(std::uint64_t{id}, number);
  return base::Crc32c(bytes, base::Crc32c(number));
}

}  // namespace

dkim::Digest IdentityOf(const dkim::SigningKey& key) {
  const dkim::SignatureSpec& spec = key.spec;
  const std::int64_t expire_s = spec.expire.has_value() ? spec.expire->milliseconds() / 1000 : 0;
  dkim::Sha256 hash;
  hash.Add(absl::StrJoin(
      {key.fingerprint, std::string(dkim::ToString(spec.algorithm)), std::string(dkim::ToString(spec.header)),
       std::string(dkim::ToString(spec.body)), spec.domain, spec.selector, spec.identity, std::to_string(expire_s)},
      "\n"));
  return hash.Finish();
}

std::uint32_t SignatureHead::RecordSize() const {
  std::size_t size = kFixedRecord + kChecksum;
  for (const Key& key : keys) size += kDigest + key.signature_size;
  return static_cast<std::uint32_t>(size);
}

std::string SignatureHead::Encode() const {
  CHECK(!keys.empty() && keys.size() <= kKeysMax);
  std::string out(kMagic);
  Put(campaign_hash, out);
  Put(recipients, out);
  Put(static_cast<std::uint32_t>(keys.size()), out);
  Put(RecordSize(), out);
  for (const Key& key : keys) {
    out.append(reinterpret_cast<const char*>(key.identity.data()), key.identity.size());
    Put(key.signature_size, out);
  }
  Put(base::Crc32c(out), out);
  out.resize(kSize, '\0');
  return out;
}

std::optional<SignatureHead> SignatureHead::Decode(std::string_view bytes) {
  if (bytes.size() < kSize || !bytes.starts_with(kMagic)) return std::nullopt;
  SignatureHead head;
  head.campaign_hash = Get<std::uint64_t>(bytes, 8);
  head.recipients = Get<std::uint64_t>(bytes, 16);
  const auto count = Get<std::uint32_t>(bytes, 24);
  if (count == 0 || count > kKeysMax || head.recipients > kRecipientsMost) return std::nullopt;
  const std::size_t end = kFixedHead + count * kKeyEntry;
  if (Get<std::uint32_t>(bytes, end) != base::Crc32c(bytes.substr(0, end))) return std::nullopt;
  for (std::size_t at = kFixedHead; at < end; at += kKeyEntry) {
    Key key;
    std::memcpy(key.identity.data(), bytes.data() + at, kDigest);
    key.signature_size = Get<std::uint32_t>(bytes, at + kDigest);
    if (key.signature_size == 0 || key.signature_size > kSignatureMost) return std::nullopt;
    head.keys.push_back(key);
  }
  if (Get<std::uint32_t>(bytes, 28) != head.RecordSize()) return std::nullopt;
  return head;
}

void EncodeSignatures(const SignatureHead& head, ledger::RecipientId id, const MadeSignatures& made, std::string& out) {
  CHECK(made.by_key.size() == head.keys.size());
  out.clear();
  Put(made.date.microseconds(), out);
  Put(made.signed_at.microseconds(), out);
  for (std::size_t key = 0; key < head.keys.size(); ++key) {
    const MadeSignatures::One& one = made.by_key[key];
    CHECK(one.signature.size() == head.keys[key].signature_size);
    out.append(reinterpret_cast<const char*>(one.digest.data()), one.digest.size());
    out.append(one.signature);
  }
  Put(ChecksumOf(id, out), out);
}

std::optional<MadeSignatures> DecodeSignatures(const SignatureHead& head, ledger::RecipientId id,
                                               std::string_view record) {
  if (record.size() != head.RecordSize()) return std::nullopt;
  const std::string_view content = record.substr(0, record.size() - kChecksum);
  MadeSignatures made;
  made.signed_at = base::WallTime::FromMicroseconds(Get<std::int64_t>(record, 8));
  if (made.signed_at.microseconds() <= 0) return std::nullopt;  // A hole.
  if (Get<std::uint32_t>(record, content.size()) != ChecksumOf(id, content)) return std::nullopt;
  made.date = base::WallTime::FromMicroseconds(Get<std::int64_t>(record, 0));
  std::size_t at = kFixedRecord;
  for (const SignatureHead::Key& key : head.keys) {
    MadeSignatures::One& one = made.by_key.emplace_back();
    std::memcpy(one.digest.data(), record.data() + at, kDigest);
    one.signature = record.substr(at + kDigest, key.signature_size);
    at += kDigest + key.signature_size;
  }
  return made;
}

base::Duration SignatureAgeMax(absl::Span<const dkim::SigningKey> keys) {
  base::Duration age_max = kAgeMax;
  for (const dkim::SigningKey& key : keys) {
    // Whoever verifies it later, or after it was forwarded, has the other half.
    if (key.spec.expire.has_value()) age_max = std::min(age_max, *key.spec.expire / 2);
  }
  return age_max;
}

bool IsFresh(const MadeSignatures& made, base::Duration age_max, base::WallTime now) {
  return made.signed_at <= now && now - made.signed_at <= age_max;
}

absl::StatusOr<std::unique_ptr<const SignatureFile>> SignatureFile::Open(io::Disk& disk, const std::string& path) {
  if (!disk.Exists(path)) return absl::NotFoundError(path + ": there is no such file");
  absl::StatusOr<std::unique_ptr<io::Mapping>> bytes = disk.Map(path, /*writable=*/false);
  if (!bytes.ok()) return bytes.status();
  std::optional<SignatureHead> head = SignatureHead::Decode((*bytes)->view());
  if (!head.has_value() || (*bytes)->size() != head->FileSize())
    return absl::DataLossError(path + ": it is no file of signatures, or not all of one");
  std::unique_ptr<SignatureFile> file(new SignatureFile);
  file->head_ = *std::move(head);
  file->bytes_ = *std::move(bytes);
  return std::unique_ptr<const SignatureFile>(std::move(file));
}

bool SignatureFile::IsOf(std::uint64_t campaign_hash, std::uint64_t recipients,
                         absl::Span<const dkim::SigningKey> keys) const {
  return head_.campaign_hash == campaign_hash && head_.recipients == recipients &&
         std::equal(head_.keys.begin(), head_.keys.end(), keys.begin(), keys.end(),
                    [](const SignatureHead::Key& sealed, const dkim::SigningKey& now) {
                      return sealed.identity == IdentityOf(now);
                    });
}

std::string_view SignatureFile::RecordOf(ledger::RecipientId id) const {
  CHECK(id < head_.recipients);
  return bytes_->view().substr(head_.OffsetOf(id), head_.RecordSize());
}

bool SignatureFile::IsHole(ledger::RecipientId id) const {
  return RecordOf(id).find_first_not_of('\0') == std::string_view::npos;
}

std::optional<MadeSignatures> SignatureFile::Find(ledger::RecipientId id) const {
  return DecodeSignatures(head_, id, RecordOf(id));
}

}  // namespace delivery
