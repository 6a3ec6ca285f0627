#include "engine/roster/builder.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/crc32c.h"
#include "engine/base/stable_hash.h"
#include "engine/roster/layout.h"
#include "nlohmann/json.hpp"

namespace roster {

// A file that grows at its end, through a buffer, with its checksum. Made at the first write.
class Builder::Output {
 public:
  Output(io::Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  absl::Status Append(std::string_view bytes) {
    buffer_.append(bytes);
    return buffer_.size() < kBuffer ? absl::OkStatus() : Flush();
  }
  absl::Status Finish() {
    if (absl::Status status = Flush(); !status.ok()) return status;
    return file_->Sync();
  }
  absl::Status Flush() {
    if (file_ == nullptr) {
      absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(path_, io::OpenMode::kCreate);
      if (!file.ok()) return file.status();
      file_ = *std::move(file);
    }
    if (buffer_.empty()) return absl::OkStatus();
    if (absl::Status status = file_->WriteAt(size_, buffer_); !status.ok()) return status;
    crc_ = base::Crc32c(buffer_, crc_);
    size_ += buffer_.size();
    buffer_.clear();
    return absl::OkStatus();
  }
  std::uint64_t size() const { return size_ + buffer_.size(); }
  FileEntry entry() const { return {size_, crc_}; }  // After Finish.
  const std::string& path() const { return path_; }

 private:
  static constexpr std::size_t kBuffer = 256u << 10;

  io::Disk& disk_;
  const std::string path_;
  std::unique_ptr<io::File> file_;
  std::string buffer_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
};

namespace {

std::string RejectLine(const Reject& reject) {
  static constexpr const char* kTypes[] = {"Invalid", "Duplicate", "Suppressed"};
  nlohmann::ordered_json json;
  json["type"] = kTypes[static_cast<int>(reject.type)];
  json["row"] = reject.row;
  json["line"] = reject.line;
  json["address"] = reject.address;
  if (!reject.reason.empty()) json["reason"] = reject.reason;
  if (reject.type == Reject::Type::kDuplicate) json["first_row"] = reject.first_row;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Builder::Builder(io::Disk& disk, const std::string& directory, std::size_t arena_bytes)
    : disk_(disk), directory_(directory), sorter_(disk, {.directory = directory, .arena_bytes = arena_bytes}) {
  const auto output = [this](std::string_view name) {
    return std::make_unique<Output>(disk_, absl::StrFormat("%s/%s", directory_, name));
  };
  data_ = output("roster.dat");
  index_ = output("roster.idx");
  domains_ = output("domains.dat");
  names_ = output("names.tmp");
  rejects_ = output("rejects.ndjson");
}

Builder::~Builder() { static_cast<void>(disk_.Remove(names_->path())); }

absl::Status Builder::Add(const NewRecipient& recipient) {
  scratch_.clear();
  PutVarint(recipient.row, scratch_);
  PutVarint(recipient.line, scratch_);
  scratch_.push_back(
      static_cast<char>((recipient.needs_smtputf8 ? kNeedsSmtpUtf8 : 0) | (recipient.is_json ? kJsonPayload : 0)));
  PutText(recipient.address, scratch_);
  PutText(recipient.key, scratch_);
  PutText(recipient.payload, scratch_);
  return sorter_.Add({.group_hash = base::StableHash(recipient.domain),
                      .key_hash = base::StableHash(recipient.identity),
                      .number = recipient.row,
                      .group = recipient.domain,
                      .key = recipient.identity,
                      .payload = scratch_});
}

absl::Status Builder::AddReject(const Reject& reject) { return rejects_->Append(RejectLine(reject)); }

absl::Status Builder::EndDomain() {
  if (recipients_ == domain_first_) return absl::OkStatus();
  std::string entry;
  PutU64(domain_first_, entry);
  PutU64(recipients_ - domain_first_, entry);
  PutU64(names_->size(), entry);
  PutU64(domain_.size(), entry);
  ++domain_count_;
  domain_first_ = recipients_;
  if (absl::Status status = names_->Append(domain_); !status.ok()) return status;
  return domains_->Append(entry);
}

// Records come by domain, identity and row: the first of equal ones counts.
absl::Status Builder::Visit(const SortRecord& record) {
  const bool same_domain = any_ && record.group == domain_;
  if (same_domain && record.key == identity_) {
    FieldReader in(record.payload);
    Reject reject;
    reject.type = Reject::Type::kDuplicate;
    reject.row = in.Varint();
    reject.line = in.Varint();
    in.Byte();
    reject.address = std::string(in.Text());
    reject.first_row = first_row_;
    ++duplicates_;
    return AddReject(reject);
  }
  if (!same_domain) {
    if (absl::Status status = EndDomain(); !status.ok()) return status;
    domain_ = std::string(record.group);
  }
  any_ = true;
  identity_.assign(record.key);
  first_row_ = record.number;
  std::string offset;
  PutU64(data_->size(), offset);
  ++recipients_;
  if (absl::Status status = index_->Append(offset); !status.ok()) return status;
  return data_->Append(record.payload);
}

// The names follow the entries, whose number is known only now. Their own file need not survive.
absl::Status Builder::WriteDomains() {
  if (absl::Status status = names_->Flush(); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<io::Mapping>> names = disk_.Map(names_->path(), /*writable=*/false);
  if (!names.ok()) return names.status();
  return domains_->Append((*names)->view());
}

absl::Status Builder::Finish(Manifest manifest, std::string_view template_snapshot,
                             absl::FunctionRef<absl::Status(const Manifest&)> accept) {
  if (absl::Status status = index_->Append(kIndexMagic); !status.ok()) return status;
  if (absl::Status status = domains_->Append(kDomainsMagic); !status.ok()) return status;
  if (absl::Status status = sorter_.Finish([this](const SortRecord& record) { return Visit(record); }); !status.ok())
    return status;
  if (absl::Status status = EndDomain(); !status.ok()) return status;
  std::string size;
  PutU64(data_->size(), size);
  if (absl::Status status = index_->Append(size); !status.ok()) return status;
  manifest.recipients = recipients_;
  manifest.domains = domain_count_;
  manifest.duplicate = duplicates_;
  if (absl::Status status = accept(manifest); !status.ok()) return status;
  if (absl::Status status = WriteDomains(); !status.ok()) return status;
  Output snapshot(disk_, directory_ + "/template.dat");
  if (absl::Status status = snapshot.Append(template_snapshot); !status.ok()) return status;
  const std::pair<const char*, Output*> files[] = {{"roster.dat", data_.get()},
                                                   {"roster.idx", index_.get()},
                                                   {"domains.dat", domains_.get()},
                                                   {"rejects.ndjson", rejects_.get()},
                                                   {"template.dat", &snapshot}};
  for (const auto& [name, output] : files) {
    if (absl::Status status = output->Finish(); !status.ok()) return status;
    manifest.files[name] = output->entry();
  }
  if (absl::Status status = disk_.SyncDirectory(directory_); !status.ok()) return status;
  return io::WriteFileAtomically(disk_, directory_ + "/" + std::string(kManifestName), manifest.ToJson());
}

}  // namespace roster
