#include "engine/roster/roster.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/crc32c.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"
#include "engine/roster/layout.h"
#include "nlohmann/json.hpp"

namespace roster {
namespace {

constexpr std::size_t kMagicSize = 8;
constexpr std::size_t kDomainSize = 32;

absl::Status Damaged(const std::string& directory, std::string_view file, std::string_view why) {
  return absl::DataLossError(absl::StrFormat("%s/%s: the prepared campaign is damaged: %s", directory, file, why));
}

// Whether index and domains are of the sizes and in the order that the manifest implies: then no look-up leaves its
// file.
bool IsConsistent(const Manifest& manifest, std::string_view data, std::string_view index, std::string_view domains) {
  if (index.size() != kMagicSize + (manifest.recipients + 1) * 8 || index.substr(0, kMagicSize) != kIndexMagic)
    return false;
  if (domains.size() < kMagicSize + manifest.domains * kDomainSize || domains.substr(0, kMagicSize) != kDomainsMagic)
    return false;
  if (GetU64(index, kMagicSize + manifest.recipients * 8) != data.size()) return false;
  std::uint64_t next = 0;
  const std::uint64_t names_size = domains.size() - kMagicSize - manifest.domains * kDomainSize;
  for (std::uint64_t i = 0; i < manifest.domains; ++i) {
    const std::uint64_t at = kMagicSize + i * kDomainSize;
    if (GetU64(domains, at) != next) return false;
    next += GetU64(domains, at + 8);
    const std::uint64_t name = GetU64(domains, at + 16), size = GetU64(domains, at + 24);
    if (name > names_size || size > names_size - name) return false;
  }
  return next == manifest.recipients;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Roster>> Roster::Open(io::Disk& disk, const std::string& directory) {
  absl::StatusOr<Manifest> manifest = ReadManifest(disk, directory);
  if (!manifest.ok()) return manifest.status();
  std::unique_ptr<Roster> roster(new Roster);
  roster->manifest_ = *std::move(manifest);
  roster->directory_ = directory;
  const std::pair<const char*, std::unique_ptr<io::Mapping>*> files[] = {{"roster.dat", &roster->data_},
                                                                         {"roster.idx", &roster->index_},
                                                                         {"domains.dat", &roster->domains_},
                                                                         {"rejects.ndjson", &roster->rejects_},
                                                                         {"template.dat", &roster->template_}};
  for (const auto& [name, mapping] : files) {
    absl::StatusOr<std::unique_ptr<io::Mapping>> mapped = disk.Map(directory + "/" + name, /*writable=*/false);
    if (!mapped.ok()) return Damaged(directory, name, "it cannot be read");
    *mapping = *std::move(mapped);
    const auto entry = roster->manifest_.files.find(name);
    if (entry == roster->manifest_.files.end() || (*mapping)->size() != entry->second.size) {
      return Damaged(directory, name, "its size is not that of the manifest");
    }
  }
  if (!IsConsistent(roster->manifest_, roster->data_->view(), roster->index_->view(), roster->domains_->view())) {
    return Damaged(directory, "roster.idx", "it does not fit the manifest");
  }
  return std::unique_ptr<const Roster>(std::move(roster));
}

DomainView Roster::Domain(std::uint64_t index) const {
  CHECK(index < domains());
  const std::string_view bytes = domains_->view();
  const std::uint64_t at = kMagicSize + index * kDomainSize;
  const std::uint64_t names = kMagicSize + domains() * kDomainSize;
  return {bytes.substr(names + GetU64(bytes, at + 16), GetU64(bytes, at + 24)), GetU64(bytes, at),
          GetU64(bytes, at + 8)};
}

RecipientView Roster::Recipient(std::uint64_t id) const {
  CHECK(id < recipients());
  const std::string_view data = data_->view();
  const std::uint64_t at = GetU64(index_->view(), kMagicSize + id * 8);
  RecipientView view;
  if (at > data.size()) return view;  // A damaged file; Verify tells.
  FieldReader in(data.substr(at));
  view.row = in.Varint();
  view.line = in.Varint();
  const std::uint8_t flags = in.Byte();
  view.needs_smtputf8 = (flags & kNeedsSmtpUtf8) != 0;
  view.is_json = (flags & kJsonPayload) != 0;
  view.address = in.Text();
  view.shown = manifest_.test.has_value() ? std::string_view(manifest_.test->shown) : view.address;
  view.key = in.Text();
  view.payload = in.Text();
  return view;
}

std::string_view Roster::DomainOf(std::uint64_t id) const {
  CHECK(id < recipients());
  std::uint64_t low = 0, high = domains();
  while (high - low > 1) {
    const std::uint64_t middle = (low + high) / 2;
    (Domain(middle).first <= id ? low : high) = middle;
  }
  return Domain(low).name;
}

// As they were sorted (sorter.h).
std::optional<std::uint64_t> Roster::FindDomain(std::string_view name) const {
  const auto place_of = [](std::string_view domain) { return std::pair(base::StableHash(domain), domain); };
  const auto wanted = place_of(name);
  std::uint64_t low = 0, high = domains();
  while (low < high) {
    const std::uint64_t middle = (low + high) / 2;
    if (place_of(Domain(middle).name) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < domains() && Domain(low).name == name ? std::optional(low) : std::nullopt;
}

std::optional<std::uint64_t> Roster::FindRow(std::uint64_t row) const {
  for (std::uint64_t id = 0; id < recipients(); ++id) {
    if (Recipient(id).row == row) return id;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Roster::FindAddress(std::string_view address) const {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  for (std::uint64_t i = 0; i < domains(); ++i) {
    const DomainView domain = Domain(i);
    if (!base::EqualsIgnoreCase(domain.name, address.substr(at + 1))) continue;
    for (std::uint64_t id = domain.first; id < domain.first + domain.count; ++id) {
      if (base::EqualsIgnoreCase(Recipient(id).address, address)) return id;
    }
  }
  return std::nullopt;
}

absl::Status Roster::Verify() const {
  const std::pair<const char*, const io::Mapping*> files[] = {{"roster.dat", data_.get()},
                                                              {"roster.idx", index_.get()},
                                                              {"domains.dat", domains_.get()},
                                                              {"rejects.ndjson", rejects_.get()},
                                                              {"template.dat", template_.get()}};
  for (const auto& [name, mapping] : files) {
    const auto entry = manifest_.files.find(name);
    if (entry == manifest_.files.end() || base::Crc32c(mapping->view()) != entry->second.crc32c) {
      return Damaged(directory_, name, "its checksum is not that of the manifest");
    }
  }
  return absl::OkStatus();
}

absl::Status Roster::VisitRejects(absl::FunctionRef<void(const Reject&)> visit) const {
  std::string_view rest = rejects_->view();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return Damaged(directory_, "rejects.ndjson", "a line is no object");
    Reject reject;
    const std::string type = json.value("type", "");
    reject.type = type == "Duplicate"    ? Reject::Type::kDuplicate
                  : type == "Suppressed" ? Reject::Type::kSuppressed
                                         : Reject::Type::kInvalid;
    reject.row = json.value("row", std::uint64_t{0});
    reject.line = json.value("line", std::uint64_t{0});
    reject.address = json.value("address", "");
    reject.reason = json.value("reason", "");
    reject.first_row = json.value("first_row", std::uint64_t{0});
    visit(reject);
  }
  return absl::OkStatus();
}

}  // namespace roster
