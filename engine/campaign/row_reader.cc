#include "engine/campaign/row_reader.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/campaign/csv_scan.h"
#include "engine/campaign/listmonk_rows.h"

namespace campaign {
namespace {

constexpr std::size_t kRowMax = 1u << 20;
constexpr std::size_t kChunk = 512u << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status At(const std::string& name, std::uint64_t line, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", name, line, what));
}

// A window over a source that grows at its end and is used up at its front.
class Window {
 public:
  explicit Window(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
  std::string_view bytes() const { return std::string_view(buffer_).substr(begin_); }
  void Use(std::size_t size) { begin_ += size; }
  bool ended() const { return ended_; }
  std::uint64_t consumed() const { return source_->consumed(); }
  absl::Status Grow() {
    buffer_.erase(0, begin_);
    begin_ = 0;
    const std::size_t old = buffer_.size();
    buffer_.resize(old + kChunk);
    absl::StatusOr<std::size_t> got = source_->Read(buffer_.data() + old, kChunk);
    buffer_.resize(old + (got.ok() ? *got : 0));
    if (!got.ok()) return got.status();
    ended_ = *got == 0;
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  std::size_t begin_ = 0;
  bool ended_ = false;
};

// RFC 4180, with LF or CRLF, and a separator that the header decides.
class CsvReader final : public RowReader {
 public:
  CsvReader(std::unique_ptr<ByteSource> source, std::string name)
      : window_(std::move(source)), name_(std::move(name)) {}

  absl::Status ReadHeader();
  absl::StatusOr<bool> Next(Row& row) override;
  const std::vector<std::string>& columns() const override { return columns_; }
  RowFormat format() const override { return RowFormat::kCsv; }
  std::uint64_t bytes_consumed() const override { return window_.consumed(); }

 private:
  enum class Scan : std::uint8_t { kRecord, kNeedMore, kBadQuote };
  absl::Status Grow();
  absl::StatusOr<bool> NextRecord();
  Scan ScanRecord(std::string_view bytes, std::size_t& size);
  Scan ScanQuoted(std::string_view bytes, std::size_t& at);
  void ChooseSeparator(std::string_view bytes);

  Window window_;
  const std::string name_;
  char separator_ = ',';
  CsvScan scan_;  // Of what is in the window.
  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // Fields whose quotes were doubled.
  std::size_t unquoted_used_ = 0;
  std::uint64_t line_ = 1, record_line_ = 1, rows_ = 0;
  std::uint64_t line_feeds_ = 0;  // Of the record.
};

// `at` is behind the opening quote; ends behind the closing one.
CsvReader::Scan CsvReader::ScanQuoted(std::string_view bytes, std::size_t& at) {
  const std::size_t begin = at;
  bool doubled = false;
  while (true) {
    const auto quote = static_cast<std::size_t>(scan_.NextQuote(bytes.data() + at, line_feeds_) - bytes.data());
    if (quote == bytes.size() || (quote + 1 == bytes.size() && !window_.ended())) return Scan::kNeedMore;
    at = quote + 1;
    if (at < bytes.size() && bytes[at] == '"') {
      doubled = true;
      ++at;
      continue;
    }
    const std::string_view inside = bytes.substr(begin, quote - begin);
    if (!doubled) {
      fields_.push_back(inside);
      return Scan::kRecord;
    }
    if (unquoted_used_ == unquoted_.size()) unquoted_.emplace_back();
    std::string& text = unquoted_[unquoted_used_++];
    text.clear();
    for (std::size_t i = 0; i < inside.size(); ++i) {
      text.push_back(inside[i]);
      if (inside[i] == '"') ++i;
    }
    fields_.push_back(text);
    return Scan::kRecord;
  }
}

CsvReader::Scan CsvReader::ScanRecord(std::string_view bytes, std::size_t& size) {
  fields_.clear();
  unquoted_used_ = 0;
  line_feeds_ = 0;
  std::size_t at = 0;
  while (true) {
    if (at < bytes.size() && bytes[at] == '"') {
      ++at;
      if (const Scan scan = ScanQuoted(bytes, at); scan != Scan::kRecord) return scan;
      if (at < bytes.size() && bytes[at] == '\r') ++at;
      if (at == bytes.size() && !window_.ended()) return Scan::kNeedMore;
      if (at < bytes.size() && bytes[at] != separator_ && bytes[at] != '\n') return Scan::kBadQuote;
    } else {
      const auto end = static_cast<std::size_t>(scan_.NextEnd(bytes.data() + at) - bytes.data());
      if (end == bytes.size() && !window_.ended()) return Scan::kNeedMore;
      std::string_view field = bytes.substr(at, end - at);
      const bool last = end == bytes.size() || bytes[end] == '\n';
      if (last && field.ends_with('\r')) field.remove_suffix(1);
      fields_.push_back(field);
      at = end;
    }
    if (at == bytes.size()) {
      size = at;
      return Scan::kRecord;
    }
    if (bytes[at++] == '\n') {
      ++line_feeds_;
      size = at;
      return Scan::kRecord;
    }
  }
}

absl::Status CsvReader::Grow() {
  absl::Status status = window_.Grow();
  scan_.Reset(window_.bytes(), separator_);
  return status;
}

// Puts the next record into fields_; false at the end.
absl::StatusOr<bool> CsvReader::NextRecord() {
  while (true) {
    const std::string_view bytes = window_.bytes();
    if (bytes.empty() && window_.ended()) return false;
    std::size_t size = 0;
    const Scan scan = bytes.empty() ? Scan::kNeedMore : ScanRecord(bytes, size);
    switch (scan) {
      case Scan::kRecord: {
        const std::string_view record = bytes.substr(0, size);
        if (size > kRowMax) return At(name_, line_, "a row longer than 1 MB; is a closing quote missing?");
        record_line_ = line_;
        line_ += line_feeds_;
        if (scan_.MayBeOddSince(record.data())) {
          if (!base::IsUtf8(record)) return At(name_, record_line_, "not UTF-8; save the file as UTF-8");
          if (record.find('\0') != std::string_view::npos)
            return At(name_, record_line_, "a NUL byte; this is no text file");
        }
        window_.Use(size);
        return true;
      }
      case Scan::kBadQuote:
        return At(name_, line_, "text after a closing quote; a quote within quotes is written twice");
      case Scan::kNeedMore:
        if (bytes.size() > kRowMax) return At(name_, line_, "a row longer than 1 MB; is a closing quote missing?");
        if (window_.ended()) return At(name_, line_, "a quote that does not end");
        if (absl::Status status = Grow(); !status.ok()) return status;
        break;
    }
  }
}

// What stands within quotes does not count.
void CsvReader::ChooseSeparator(std::string_view bytes) {
  constexpr std::string_view kCandidates = ",;\t";
  std::size_t counts[kCandidates.size()] = {};
  std::size_t most = 0;
  bool quoted = false;
  for (const char c : bytes) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n') break;
    if (const std::size_t i = kCandidates.find(c); i != std::string_view::npos) ++counts[i];
  }
  for (std::size_t i = 0; i < kCandidates.size(); ++i) {
    if (counts[i] <= most) continue;
    most = counts[i];
    separator_ = kCandidates[i];
  }
}

absl::Status CsvReader::ReadHeader() {
  while (!window_.ended() && window_.bytes().find('\n') == std::string_view::npos &&
         window_.bytes().size() <= kRowMax) {
    if (absl::Status status = window_.Grow(); !status.ok()) return status;
  }
  if (window_.bytes().starts_with(kByteOrderMark)) window_.Use(kByteOrderMark.size());
  ChooseSeparator(window_.bytes());
  scan_.Reset(window_.bytes(), separator_);
  absl::StatusOr<bool> any = NextRecord();
  if (!any.ok()) return any.status();
  if (!*any) return At(name_, 1, "the file is empty; the first line names the columns");
  std::set<std::string> seen;
  for (const std::string_view field : fields_) {
    std::string column(base::TrimAscii(field));
    if (column.empty()) return At(name_, 1, "a column without a name");
    if (column == "sluice") return At(name_, 1, "the column name \"sluice\" is reserved");
    if (!seen.insert(column).second) return At(name_, 1, absl::StrFormat("the column \"%s\" comes twice", column));
    columns_.push_back(std::move(column));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> CsvReader::Next(Row& row) {
  while (true) {
    absl::StatusOr<bool> any = NextRecord();
    if (!any.ok() || !*any) return any;
    if (fields_.size() == 1 && fields_[0].empty() && columns_.size() > 1) continue;  // A blank line is no row.
    break;
  }
  row.number = ++rows_;
  row.line = record_line_;
  row.fields = fields_;
  row.json = {};
  row.error.clear();
  if (fields_.size() != columns_.size()) {
    row.error = absl::StrFormat("%d columns where the header has %d", fields_.size(), columns_.size());
  }
  return true;
}

// One JSON object per line.
class NdjsonReader final : public RowReader {
 public:
  NdjsonReader(std::unique_ptr<ByteSource> source, std::string name)
      : window_(std::move(source)), name_(std::move(name)) {}

  absl::StatusOr<bool> Next(Row& row) override {
    while (true) {
      std::size_t end = window_.bytes().find('\n', searched_);
      while (end == std::string_view::npos && !window_.ended()) {
        searched_ = window_.bytes().size();
        if (searched_ > kRowMax) return At(name_, line_ + 1, "a line longer than 1 MB");
        if (absl::Status status = window_.Grow(); !status.ok()) return status;
        end = window_.bytes().find('\n', searched_);
      }
      searched_ = 0;
      if (window_.bytes().empty()) return false;
      std::string_view text = window_.bytes().substr(0, end);
      if (text.size() >= kRowMax) return At(name_, line_ + 1, "a line longer than 1 MB");
      window_.Use(std::min(text.size() + 1, window_.bytes().size()));
      ++line_;
      if (line_ == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
      if (!base::IsUtf8(text)) return At(name_, line_, "not UTF-8; save the file as UTF-8");
      text = base::TrimAscii(text);
      if (text.empty()) continue;
      row.number = ++rows_;
      row.line = line_;
      row.fields = {};
      row.json = text;
      row.error.clear();
      return true;
    }
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  RowFormat format() const override { return RowFormat::kNdjson; }
  std::uint64_t bytes_consumed() const override { return window_.consumed(); }

 private:
  Window window_;
  const std::string name_;
  const std::vector<std::string> columns_;
  std::size_t searched_ = 0;
  std::uint64_t line_ = 0, rows_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowReader>> MakeRowReader(std::unique_ptr<ByteSource> source, const std::string& name,
                                                         RowFormat format) {
  if (format == RowFormat::kNdjson) return std::make_unique<NdjsonReader>(std::move(source), name);
  auto reader = std::make_unique<CsvReader>(std::move(source), name);
  if (absl::Status status = reader->ReadHeader(); !status.ok()) return status;
  if (IsListmonk(reader->columns())) return MakeListmonkReader(std::move(reader));
  return reader;
}

absl::StatusOr<std::unique_ptr<RowReader>> OpenRows(const std::string& path) {
  std::string_view name = path;
  for (const std::string_view suffix : {".gz", ".zst"}) {
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  }
  const bool json = name.ends_with(".ndjson") || name.ends_with(".jsonl");
  if (!json && path != "-" && !name.ends_with(".csv") && !name.ends_with(".tsv")) {
    return absl::InvalidArgumentError(
        path + ": not a recipients file; its name ends with .csv, .tsv or .ndjson, perhaps with .gz or .zst");
  }
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenSource(path);
  if (!source.ok()) return source.status();
  if (path != "-") return MakeRowReader(*std::move(source), path, json ? RowFormat::kNdjson : RowFormat::kCsv);
  std::unique_ptr<ByteSource> input = *std::move(source);
  absl::StatusOr<char> first = PeekByte(input);
  if (!first.ok()) return first.status();
  return MakeRowReader(std::move(input), "standard input", *first == '{' ? RowFormat::kNdjson : RowFormat::kCsv);
}

}  // namespace campaign
