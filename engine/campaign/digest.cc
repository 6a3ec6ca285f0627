// What may not change once a campaign was started, as one digest.

#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/campaign/campaign.h"

namespace campaign {
namespace {

std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string Sha256Hex(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(base::AbslView({reinterpret_cast<const char*>(digest), sizeof digest}));
}

// Texts with their lengths, so that no two lists of texts look the same.
class Digest {
 public:
  void Add(std::string_view text) {
    bytes_ += absl::StrFormat("%d:", text.size());
    bytes_ += text;
  }
  void Add(const SourceText& text) { Add(text.text); }
  // A text in the campaign file, or the name of the file that has it.
  void AddPart(const std::optional<SourceText>& text, const std::string& campaign_file) {
    Add(!text.has_value()             ? std::string("-")
        : text->file == campaign_file ? "+" + text->text
                                      : "@" + std::string(FileName(text->file)));
  }
  void AddNumber(std::uint64_t number) { Add(absl::StrFormat("%d", number)); }
  std::string Hex() const { return Sha256Hex(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace

std::string FrozenDigest(const Campaign& campaign) {
  Digest digest;
  digest.Add(campaign.id);
  digest.AddNumber(static_cast<std::uint64_t>(campaign.kind));
  digest.Add(campaign.from_address);
  for (const SourceText* text :
       {&campaign.from_name, &campaign.reply_to_address, &campaign.reply_to_name, &campaign.to_name,
        &campaign.envelope_sender, &campaign.message.subject, &campaign.list.unsubscribe_url,
        &campaign.list.unsubscribe_mailto, &campaign.list.feedback_id}) {
    digest.Add(*text);
  }
  digest.AddPart(campaign.message.html, campaign.path);
  digest.AddPart(campaign.message.text, campaign.path);
  digest.AddPart(campaign.message.eml, campaign.path);
  for (const std::vector<AttachedFile>* files : {&campaign.message.inlines, &campaign.message.attachments}) {
    digest.AddNumber(files->size());
    for (const AttachedFile& file : *files) {
      digest.Add(file.name);
      digest.Add(file.content_id);
    }
  }
  digest.AddNumber(campaign.message.headers.size());
  for (const auto& [name, value] : campaign.message.headers) {
    digest.Add(name);
    digest.Add(value);
  }
  if (!campaign.message.partials.empty()) digest.AddNumber(campaign.message.partials.size());
  for (const auto& [name, text] : campaign.message.partials) {
    digest.Add(name);
    digest.AddPart(text, campaign.path);
  }
  digest.AddNumber(static_cast<std::uint64_t>(campaign.message.date));
  digest.AddNumber(static_cast<std::uint64_t>(campaign.message.on_missing));
  digest.Add(campaign.list.id);
  const Recipients& recipients = campaign.recipients;
  digest.Add(FileName(recipients.file));
  digest.Add(recipients.address);
  digest.Add(recipients.key);
  digest.AddNumber(recipients.meta.size());
  for (const std::string& name : recipients.meta) digest.Add(name);
  digest.AddNumber(static_cast<std::uint64_t>(recipients.duplicates));
  digest.AddNumber(recipients.defaults.size());
  for (const auto& [name, value] : recipients.defaults) {
    digest.Add(name);
    digest.Add(value);
  }
  for (const auto& [name, value] : campaign.meta) {
    digest.Add(name);
    digest.Add(value);
  }
  return digest.Hex();
}

std::map<std::string, std::string> FileDigests(const Campaign& campaign) {
  std::map<std::string, std::string> digests;
  const Message& message = campaign.message;
  for (const auto& [key, text] : {std::pair("html_file", &message.html), std::pair("text_file", &message.text),
                                  std::pair("eml_file", &message.eml)}) {
    if (!text->has_value() || (*text)->file == campaign.path || (*text)->is_missing) continue;
    digests[key] = Sha256Hex((*text)->text);
  }
  for (const auto& [name, text] : message.partials) {
    if (text.file != campaign.path && !text.is_missing) digests["partial_files." + name] = Sha256Hex(text.text);
  }
  for (const AttachedFile& file : message.inlines) {
    if (!file.is_missing) digests["inline." + file.content_id] = Sha256Hex(file.content);
  }
  for (std::size_t i = 0; i < message.attachments.size(); ++i) {
    const AttachedFile& file = message.attachments[i];
    if (!file.is_missing) digests[absl::StrFormat("attachments[%d]", i)] = Sha256Hex(file.content);
  }
  return digests;
}

}  // namespace campaign
