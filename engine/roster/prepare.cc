#include "engine/roster/prepare.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"
#include "engine/campaign/address.h"
#include "engine/campaign/row_reader.h"
#include "engine/roster/builder.h"
#include "engine/roster/layout.h"
#include "engine/roster/row_value.h"
#include "engine/roster/sorter.h"

namespace roster {
namespace {

constexpr int kLinesMax = 10;
constexpr std::uint64_t kProgressEvery = 4096;
constexpr std::string_view kSomeToken = "v1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";  // As long as they are.

// Gathers lines, the first few of them in full.
class Lines {
 public:
  void Add(std::string_view line) {
    if (++count_ > kLinesMax) return;
    if (!text_.empty()) text_ += "\n";
    text_ += line;
  }
  std::string Text(std::string_view file) const {
    return count_ <= kLinesMax ? text_
                               : absl::StrFormat("%s\n%s: and %d more invalid rows", text_, file, count_ - kLinesMax);
  }
  bool empty() const { return count_ == 0; }

 private:
  std::string text_;
  std::uint64_t count_ = 0;
};

class Preparation {
 public:
  Preparation(io::Disk& disk, const PrepareOptions& options)
      : options_(options),
        campaign_(*options.campaign),
        recipients_(options.campaign->recipients),
        disk_(disk),
        builder_(disk, options.directory, options.arena_bytes) {
    if (recipients_.duplicates != campaign::Duplicates::kAllow) return;
    keys_ = std::make_unique<Sorter>(
        disk, Sorter::Options{.directory = options.directory, .name = "keys", .arena_bytes = options.arena_bytes});
  }

  absl::Status Run();

 private:
  absl::Status ReadRows();
  absl::Status FindColumns();
  bool IsInRows(std::string_view name) const;
  absl::Status CheckFields() const;
  absl::Status CheckMessage();
  absl::Status CheckSpace() const;
  absl::Status TakeRow(campaign::Row& row);
  absl::Status Reject(const campaign::Row& row, Reject::Type type, std::string_view address, std::string reason);
  absl::Status AddRow(const campaign::Row& row, const campaign::Address& address);
  absl::Status CountRepeatedKeys();
  absl::Status Accept(const Manifest& manifest) const;
  std::string_view AddressOf(const campaign::Row& row) const;

  const PrepareOptions& options_;
  const campaign::Campaign& campaign_;
  const campaign::Recipients& recipients_;
  io::Disk& disk_;
  Builder builder_;
  std::unique_ptr<Sorter> keys_;  // With duplicates = "allow": the key of every recipient, whatever the domain.
  std::uint64_t repeated_keys_ = 0;
  std::unique_ptr<campaign::RowReader> reader_;
  std::unique_ptr<RowValue> value_;
  std::size_t address_column_ = 0;
  campaign::Address address_;
  message::MessageTemplate::RowChecks checks_;
  message::Rendered scratch_;
  std::string payload_;
  Manifest manifest_;
  Lines invalid_;
};

absl::Status Preparation::FindColumns() {
  if (reader_->format() == campaign::RowFormat::kNdjson) return absl::OkStatus();
  const std::vector<std::string>& columns = reader_->columns();
  const auto wanted = [this, &columns](std::string_view column, std::string_view why) -> absl::Status {
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) return absl::OkStatus();
    std::string all;
    for (const std::string& name : columns) all += (all.empty() ? "" : ", ") + name;
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:1: no column \"%s\" (%s); there are: %s", recipients_.file, column, why, all));
  };
  if (absl::Status status = wanted(recipients_.address, "recipients.address"); !status.ok()) return status;
  if (!recipients_.key.empty()) {
    if (absl::Status status = wanted(recipients_.key, "recipients.key"); !status.ok()) return status;
  }
  for (const std::string& name : recipients_.meta) {
    if (absl::Status status = wanted(name, "recipients.meta"); !status.ok()) return status;
  }
  address_column_ =
      static_cast<std::size_t>(std::find(columns.begin(), columns.end(), recipients_.address) - columns.begin());
  return absl::OkStatus();
}

// Whether rows of these columns and defaults have such a field.
bool Preparation::IsInRows(std::string_view name) const {
  const std::vector<std::string>& columns = reader_->columns();
  return std::find(columns.begin(), columns.end(), name) != columns.end() ||
         std::any_of(recipients_.defaults.begin(), recipients_.defaults.end(),
                     [name](const auto& entry) { return entry.first == name; });
}

// A field of the template that is in no column, no default and not built in is a mistake of the template, also in a
// section: rows of a CSV do not nest. NDJSON rows tell one by one.
absl::Status Preparation::CheckFields() const {
  if (reader_->format() == campaign::RowFormat::kNdjson) return absl::OkStatus();
  const std::vector<std::string>& columns = reader_->columns();
  Lines mistakes;
  for (const message::FieldUse& use : options_.message->Fields()) {
    if (use.TopLevel() != use.name) {
      mistakes.Add(absl::StrFormat("%s:%d: the field \"%s\" can be in rows of JSON only; those of %s do not nest",
                                   use.file, use.line, use.name, recipients_.file));
      continue;
    }
    if (IsInRows(use.name)) continue;
    if (use.in_section && message::MessageTemplate::IsBuiltin("sluice." + use.name)) continue;  // In {{#sluice}}.
    const std::string_view nearest = base::Nearest(use.name, columns);
    mistakes.Add(absl::StrFormat("%s:%d: the field \"%s\" is no column of %s%s", use.file, use.line, use.name,
                                 recipients_.file,
                                 nearest.empty() ? "" : absl::StrFormat("; did you mean \"%s\"?", nearest)));
  }
  return mistakes.empty() ? absl::OkStatus() : absl::InvalidArgumentError(mistakes.Text(recipients_.file));
}

// What would be wrong with every message is a mistake of the campaign.
absl::Status Preparation::CheckMessage() {
  const auto is_in_rows = [this](std::string_view name) {
    return reader_->format() == campaign::RowFormat::kNdjson || IsInRows(name);
  };
  const message::Value no_row{message::Value::Kind::kObject, {}, {}, {}};
  message::RenderInput input;
  input.row = &no_row;
  input.address = "x@example.com";
  input.token = kSomeToken;
  const absl::StatusOr<message::MessageTemplate::RowChecks> checks = options_.message->CheckOnce(input, is_in_rows);
  if (!checks.ok()) return checks.status();
  checks_ = *checks;
  return absl::OkStatus();
}

// The roster, its sort and the state tables take about three times the file.
absl::Status Preparation::CheckSpace() const {
  if (options_.test.has_value()) return absl::OkStatus();
  const std::uint64_t wanted = campaign::FileSize(recipients_.file) * 3 + (4u << 20);
  absl::StatusOr<std::uint64_t> free = disk_.FreeBytes(options_.directory);
  if (!free.ok()) return free.status();
  if (*free >= wanted) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrFormat("%s: not enough space: %d MB are free, and about %d MB are needed", options_.directory,
                      *free >> 20, wanted >> 20));
}

std::string_view Preparation::AddressOf(const campaign::Row& row) const {
  if (!row.json.empty()) return value_->Text(recipients_.address);
  return address_column_ < row.fields.size() ? row.fields[address_column_] : std::string_view();
}

absl::Status Preparation::Reject(const campaign::Row& row, Reject::Type type, std::string_view address,
                                 std::string reason) {
  roster::Reject reject{.type = type,
                        .row = row.number,
                        .line = row.line,
                        .address = std::string(address),
                        .reason = std::move(reason),
                        .first_row = 0};
  if (type == Reject::Type::kInvalid) {
    ++manifest_.invalid;
    invalid_.Add(
        absl::StrFormat("%s:%d: \"%s\" is no recipient: %s", recipients_.file, row.line, address, reject.reason));
    if (recipients_.on_invalid == campaign::OnInvalid::kStop && manifest_.invalid > kLinesMax) {
      return absl::InvalidArgumentError(invalid_.Text(recipients_.file));
    }
  } else {
    ++manifest_.suppressed;
  }
  return builder_.AddReject(reject);
}

absl::Status Preparation::AddRow(const campaign::Row& row, const campaign::Address& address) {
  payload_.clear();
  if (row.json.empty()) {
    for (const std::string_view field : row.fields) PutText(field, payload_);
  } else {
    payload_ = std::string(row.json);
  }
  const std::string_view key =
      recipients_.key.empty() ? std::string_view(address.folded) : value_->Text(recipients_.key);
  if (key.empty())
    return Reject(row, Reject::Type::kInvalid, address.wire,
                  absl::StrFormat("the key \"%s\" is empty", recipients_.key));
  campaign::Address tester;
  if (manifest_.test.has_value()) {
    std::string_view reason;
    if (!campaign::ParseAddress(manifest_.test->recipient, tester, reason))
      return absl::InvalidArgumentError(absl::StrFormat("%s: %s", manifest_.test->recipient, reason));
    manifest_.test->shown = address.wire;
  }
  const campaign::Address& receiver = manifest_.test.has_value() ? tester : address;
  NewRecipient recipient;
  recipient.row = row.number;
  recipient.line = row.line;
  recipient.address = receiver.wire;
  recipient.domain = receiver.domain;
  recipient.key = key;
  recipient.needs_smtputf8 = address.needs_smtputf8 || receiver.needs_smtputf8;
  recipient.is_json = !row.json.empty();
  recipient.payload = payload_;
  switch (recipients_.duplicates) {
    case campaign::Duplicates::kFold:
      recipient.identity = address.folded;
      break;
    case campaign::Duplicates::kExact:
      recipient.identity = address.wire;
      break;
    case campaign::Duplicates::kAllow:
      recipient.identity = key;
      if (absl::Status status = keys_->Add({base::StableHash(key), 0, row.number, key, {}, {}}); !status.ok())
        return status;
      break;
  }
  return builder_.Add(recipient);
}

absl::Status Preparation::TakeRow(campaign::Row& row) {
  ++manifest_.rows;
  if (!row.json.empty()) {
    const absl::Status status = value_->SetJson(row.json);
    if (row.error.empty() && !status.ok()) row.error = std::string(status.message());
  } else if (row.error.empty()) {
    value_->SetColumns(row.fields);
  }
  if (!row.error.empty()) return Reject(row, Reject::Type::kInvalid, AddressOf(row), row.error);
  const std::string_view typed = AddressOf(row);
  std::string_view reason;
  if (!campaign::ParseAddress(typed, address_, reason))
    return Reject(row, Reject::Type::kInvalid, typed, std::string(reason));
  if (!options_.test.has_value() && options_.suppression->Contains(address_.folded, address_.domain))
    return Reject(row, Reject::Type::kSuppressed, typed, "");
  if (const absl::Status status = options_.message->CheckFields(value_->value()); !status.ok()) {
    const std::string_view kind = absl::IsResourceExhausted(status) ? kRefusedRow : "";
    return Reject(row, Reject::Type::kInvalid, typed, std::string(kind) + std::string(status.message()));
  }
  message::RenderInput input;
  input.row = &value_->value();
  input.row_number = row.number;
  input.address = address_.wire;
  input.token = kSomeToken;
  input.needs_smtputf8 = address_.needs_smtputf8;
  if (const absl::Status status = options_.message->CheckRow(input, checks_, scratch_); !status.ok()) {
    return Reject(row, Reject::Type::kInvalid, typed, std::string(kRefusedRow) + std::string(status.message()));
  }
  return AddRow(row, address_);
}

absl::Status Preparation::CountRepeatedKeys() {
  std::string last;  // No key is empty.
  return keys_->Finish([&](const SortRecord& record) {
    if (record.group == last) ++repeated_keys_;
    last = std::string(record.group);
    return absl::OkStatus();
  });
}

// The last look at the numbers, before anything counts as prepared.
absl::Status Preparation::Accept(const Manifest& manifest) const {
  const std::string& file = recipients_.file;
  if (manifest.test.has_value()) {
    if (manifest.recipients > 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        invalid_.empty() ? absl::StrFormat("%s: there is no row %d", file, manifest.test->row) : invalid_.Text(file));
  }
  if (recipients_.on_invalid == campaign::OnInvalid::kStop && manifest.invalid > 0) {
    return absl::InvalidArgumentError(invalid_.Text(file));
  }
  const campaign::RowLimit& limit = recipients_.max_invalid;
  const double most =
      limit.count.has_value() ? static_cast<double>(*limit.count) : static_cast<double>(manifest.rows) * limit.share;
  if (static_cast<double>(manifest.invalid) > most) {
    return absl::InvalidArgumentError(absl::StrFormat("%s\n%s: %d of %d rows are invalid; max_invalid allows %s",
                                                      invalid_.Text(file), file, manifest.invalid, manifest.rows,
                                                      limit.text));
  }
  if (recipients_.expect.has_value() && *recipients_.expect != manifest.rows) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %d rows, and recipients.expect says %d", file, manifest.rows, *recipients_.expect));
  }
  if (repeated_keys_ > 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %d rows have a key that another row has; with duplicates = \"allow\" the column "
                        "\"%s\" must be different in every row",
                        file, repeated_keys_, recipients_.key));
  }
  if (manifest.recipients > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%s%s: there is nobody to send to: %d rows, none of them a recipient",
                      invalid_.empty() ? "" : invalid_.Text(file) + "\n", file, manifest.rows));
}

absl::Status Preparation::ReadRows() {
  campaign::Row row;
  while (true) {
    absl::StatusOr<bool> any = reader_->Next(row);
    if (!any.ok()) return any.status();
    if (!*any) return absl::OkStatus();
    const bool is_wanted = !options_.test.has_value() || row.number == options_.test->row;
    if (is_wanted) {
      if (absl::Status status = TakeRow(row); !status.ok()) return status;
      if (options_.test.has_value()) return absl::OkStatus();
    }
    if (row.number % kProgressEvery != 0) continue;
    if (!options_.progress(row.number, reader_->bytes_consumed()))
      return absl::CancelledError("interrupted while preparing; nothing was sent");
  }
}

absl::Status Preparation::Run() {
  manifest_.test = options_.test;
  manifest_.rehearsal = options_.rehearsal;
  absl::StatusOr<std::unique_ptr<campaign::RowReader>> reader = campaign::OpenRows(recipients_.file);
  if (!reader.ok()) {
    return absl::InvalidArgumentError(reader.status().message());
  }
  reader_ = *std::move(reader);
  value_ = std::make_unique<RowValue>(reader_->columns(), recipients_.defaults);
  for (const auto& check : {FindColumns(), CheckFields(), CheckMessage(), CheckSpace()}) {
    if (!check.ok()) return check;
  }
  if (absl::Status status = ReadRows(); !status.ok()) return status;
  if (keys_ != nullptr) {
    if (absl::Status status = CountRepeatedKeys(); !status.ok()) return status;
  }
  manifest_.campaign = campaign_.id;
  manifest_.campaign_name = campaign_.name;
  manifest_.campaign_hash = options_.campaign_hash;
  manifest_.frozen_digest = campaign::FrozenDigest(campaign_);
  manifest_.message_files = campaign::FileDigests(campaign_);
  manifest_.dkim_keys = options_.dkim_keys;
  manifest_.token_key = options_.token_key;
  manifest_.prepared_at = options_.now;
  manifest_.columns = reader_->columns();
  manifest_.meta = recipients_.meta;
  manifest_.campaign_meta = campaign_.meta;
  manifest_.defaults = recipients_.defaults;
  manifest_.key = recipients_.key;
  return builder_.Finish(std::move(manifest_), options_.template_snapshot,
                         [this](const Manifest& manifest) { return Accept(manifest); });
}

}  // namespace

absl::Status Prepare(io::Disk& disk, const PrepareOptions& options) { return Preparation(disk, options).Run(); }

}  // namespace roster
