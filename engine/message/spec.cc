#include "engine/message/spec.h"

#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"

namespace message {
namespace {

constexpr std::string_view kMagic = "SLMS";
constexpr std::uint8_t kVersion = 3;

// Numbers are little-endian; a text is its size in 32 bits and its bytes; an optional is a 0 or 1 in 8 bits before it.
class Writer {
 public:
  void Byte(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void Number(std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) Byte(static_cast<std::uint8_t>(value >> shift));
  }
  void Text(std::string_view text) {
    CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max());
    Number(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
  }
  void Source(const TemplateText& source) {
    Text(source.text);
    Text(source.file);
    Number(source.line);
  }
  void Source(const std::optional<TemplateText>& source) {
    Byte(source.has_value() ? 1 : 0);
    if (source.has_value()) Source(*source);
  }
  void Files(const std::vector<Attachment>& files) {
    Number(static_cast<std::uint32_t>(files.size()));
    for (const Attachment& file : files) {
      Text(file.name);
      Text(file.content_id);
      Text(file.content);
    }
  }
  void Raw(std::string_view bytes) { out_.append(bytes); }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads what Writer wrote. After the first failure everything reads as empty, and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::string_view Raw(std::size_t size) {
    if (bytes_.size() < size) ok_ = false;
    if (!ok_) return {};
    const std::string_view raw = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return raw;
  }
  std::uint8_t Byte(std::uint8_t max) {
    const std::string_view raw = Raw(1);
    const auto value = raw.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(raw[0]);
    if (value > max) ok_ = false;
    return ok_ ? value : std::uint8_t{0};
  }
  std::uint32_t Number() {
    std::uint32_t value = 0;
    int shift = 0;
    for (char c : Raw(4)) {
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << shift;
      shift += 8;
    }
    return value;
  }
  std::string Text() { return std::string(Raw(Number())); }
  TemplateText Source() {
    TemplateText source;
    source.text = Text();
    source.file = Text();
    source.line = Number();
    return source;
  }
  std::optional<TemplateText> OptionalSource() {
    if (Byte(1) == 0) return std::nullopt;
    return Source();
  }
  std::vector<Attachment> Files() {
    std::vector<Attachment> files;
    const std::uint32_t count = Number();
    for (std::uint32_t i = 0; i < count && ok_; ++i) {
      Attachment file;
      file.name = Text();
      file.content_id = Text();
      file.content = Text();
      files.push_back(std::move(file));
    }
    return files;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace

std::string Serialize(const MessageSpec& spec) {
  Writer writer;
  writer.Raw(kMagic);
  writer.Byte(kVersion);
  writer.Text(spec.campaign_id);
  writer.Byte(static_cast<std::uint8_t>(spec.kind));
  writer.Byte(static_cast<std::uint8_t>(spec.on_missing));
  writer.Byte(static_cast<std::uint8_t>(spec.date_mode));
  writer.Text(spec.from_address);
  writer.Source(spec.from_name);
  writer.Source(spec.reply_to_address);
  writer.Source(spec.reply_to_name);
  writer.Source(spec.to_name);
  writer.Source(spec.envelope_sender);
  writer.Source(spec.subject);
  writer.Source(spec.html);
  writer.Source(spec.text);
  writer.Source(spec.eml);
  writer.Files(spec.inlines);
  writer.Files(spec.attachments);
  writer.Number(static_cast<std::uint32_t>(spec.headers.size()));
  for (const ExtraHeader& header : spec.headers) {
    writer.Text(header.name);
    writer.Source(header.value);
  }
  writer.Number(static_cast<std::uint32_t>(spec.partials.size()));
  for (const Partial& partial : spec.partials) {
    writer.Text(partial.name);
    writer.Source(partial.text);
  }
  writer.Text(spec.list_id);
  writer.Source(spec.unsubscribe_url);
  writer.Source(spec.unsubscribe_mailto);
  writer.Source(spec.feedback_id);
  return writer.Take();
}

absl::StatusOr<MessageSpec> Deserialize(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.Raw(kMagic.size()) != kMagic) return absl::DataLossError("not a message snapshot");
  const std::string_view version = reader.Raw(1);
  if (version.empty()) return absl::DataLossError("the message snapshot is cut off");
  if (static_cast<std::uint8_t>(version[0]) != kVersion) {
    return absl::DataLossError("the message snapshot has a format that this program does not know");
  }
  MessageSpec spec;
  spec.campaign_id = reader.Text();
  spec.kind = static_cast<MailKind>(reader.Byte(static_cast<std::uint8_t>(MailKind::kTransactional)));
  spec.on_missing = static_cast<OnMissing>(reader.Byte(static_cast<std::uint8_t>(OnMissing::kEmpty)));
  spec.date_mode = static_cast<DateMode>(reader.Byte(static_cast<std::uint8_t>(DateMode::kSend)));
  spec.from_address = reader.Text();
  spec.from_name = reader.Source();
  spec.reply_to_address = reader.Source();
  spec.reply_to_name = reader.Source();
  spec.to_name = reader.Source();
  spec.envelope_sender = reader.Source();
  spec.subject = reader.Source();
  spec.html = reader.OptionalSource();
  spec.text = reader.OptionalSource();
  spec.eml = reader.OptionalSource();
  spec.inlines = reader.Files();
  spec.attachments = reader.Files();
  const std::uint32_t header_count = reader.Number();
  for (std::uint32_t i = 0; i < header_count && reader.ok(); ++i) {
    ExtraHeader header;
    header.name = reader.Text();
    header.value = reader.Source();
    spec.headers.push_back(std::move(header));
  }
  const std::uint32_t partial_count = reader.Number();
  for (std::uint32_t i = 0; i < partial_count && reader.ok(); ++i) {
    Partial partial;
    partial.name = reader.Text();
    partial.text = reader.Source();
    spec.partials.push_back(std::move(partial));
  }
  spec.list_id = reader.Text();
  spec.unsubscribe_url = reader.Source();
  spec.unsubscribe_mailto = reader.Source();
  spec.feedback_id = reader.Source();
  if (!reader.ok()) return absl::DataLossError("the message snapshot is cut off or damaged");
  if (!reader.at_end()) return absl::DataLossError("the message snapshot has more bytes than it should");
  return spec;
}

}  // namespace message
