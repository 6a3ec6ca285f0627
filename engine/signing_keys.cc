#include "engine/signing_keys.h"

#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/secret_string.h"
#include "engine/dkim/private_key.h"
#include "engine/io/disk.h"

namespace engine {
namespace {

constexpr std::uint64_t kKeyFileMax = 1u << 16;
constexpr int kGoodBits = 2048;

absl::Status At(const config::DkimKey& key, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrFormat("%s: key_file %s: %s", key.place, key.key_file, what));
}

struct ReadKey {
  dkim::SigningKey key;
  int bits = 0;
};

absl::StatusOr<ReadKey> Read(const config::DkimKey& from) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<std::string> text = io::ReadFile(*disk, from.key_file, kKeyFileMax);
  if (!text.ok()) return At(from, std::string(text.status().message()));
  base::SecretString pem(*std::move(text));
  const dkim::Crypto crypto;
  const auto parsed = dkim::PrivateKey::Parse(pem, from.allow_weak, crypto);
  if (!parsed.ok()) return At(from, std::string(parsed.status().message()));
  ReadKey read;
  read.bits = (*parsed)->bits();
  dkim::SigningKey& key = read.key;
  key.pem = std::move(pem);
  key.fingerprint = (*parsed)->Fingerprint();
  key.spec.domain = from.domain;
  key.spec.selector = from.selector;
  key.spec.algorithm = (*parsed)->algorithm();
  if (from.simple_header) key.spec.header = dkim::Canonicalization::kSimple;
  if (from.simple_body) key.spec.body = dkim::Canonicalization::kSimple;
  key.spec.identity = from.identity;
  key.spec.expire = from.expire;
  return read;
}

bool OthersMayRead(const std::string& file) {
  using std::filesystem::perms;
  std::error_code error;
  const perms mode = std::filesystem::status(file, error).permissions();
  return !error && (mode & (perms::others_read | perms::others_write)) != perms::none;
}

}  // namespace

absl::Status CheckSigningKeys(const config::Config& config, base::Log& log) {
  std::vector<std::string> errors;
  for (const config::DkimKey& key : config.dkim) {
    const absl::StatusOr<ReadKey> read = Read(key);
    if (!read.ok()) {
      errors.emplace_back(read.status().message());
      continue;
    }
    if (OthersMayRead(key.key_file))
      log.Warning(absl::StrFormat("%s: key_file %s may be read by others; chmod 600", key.place, key.key_file));
    if (read->key.spec.algorithm == dkim::Algorithm::kRsaSha256 && read->bits < kGoodBits)
      log.Warning(absl::StrFormat("%s: %s has %d bits only; replace it by one of 2048", key.place, read->key.Name(),
                                  read->bits));
  }
  return errors.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
}

std::string_view FromDomain(const campaign::Campaign& campaign) {
  return std::string_view(campaign.from_address).substr(campaign.from_address.rfind('@') + 1);
}

absl::StatusOr<std::vector<dkim::SigningKey>> SigningKeysFor(const config::Config& config,
                                                             const campaign::Campaign& campaign, bool required) {
  const std::string_view from_domain = FromDomain(campaign);
  const config::DkimChoice choice = config::DkimKeysFor(config.dkim, from_domain);
  if (required && choice.author == 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "no DKIM key signs mail from %s; make one with: sluice keygen %s s1, and put [[dkim.\"%s\"]] into sluice.toml "
        "(or write dkim = \"optional\" in [delivery] of the campaign)",
        from_domain, from_domain, from_domain));
  }
  std::vector<dkim::SigningKey> keys;
  for (const config::DkimKey* key : choice.keys) {
    absl::StatusOr<ReadKey> read = Read(*key);
    if (!read.ok()) return read.status();
    keys.push_back(std::move(read->key));
  }
  return keys;
}

std::vector<std::string> DescribeKeys(const std::vector<dkim::SigningKey>& keys) {
  std::vector<std::string> lines;
  for (const dkim::SigningKey& key : keys) {
    lines.push_back(absl::StrFormat("%s %s %s", key.Name(), dkim::ToString(key.spec.algorithm), key.fingerprint));
  }
  return lines;
}

void WarnOfOtherKeys(std::string_view campaign, const std::vector<std::string>& before,
                     const std::vector<dkim::SigningKey>& keys, base::Log& log) {
  const std::vector<std::string> now = DescribeKeys(keys);
  if (before == now) return;
  log.Warning(absl::StrFormat(
      "campaign %s was started with the DKIM keys [%s] and goes on with [%s]; leave the former in the DNS for a week",
      campaign, absl::StrJoin(before, ", "), absl::StrJoin(now, ", ")));
}

}  // namespace engine
