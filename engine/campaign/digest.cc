// What may not change once a campaign was started, as one digest.

#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/campaign/campaign.h"

namespace campaign {
namespace {

// Texts with their lengths, so that no two lists of texts look the same.
class Digest {
 public:
  void Add(std::string_view text) {
    bytes_ += absl::StrFormat("%d:", text.size());
    bytes_ += text;
  }
  void Add(const SourceText& text) { Add(text.text); }
  void Add(const std::optional<SourceText>& text) { Add(text.has_value() ? "+" + text->text : std::string("-")); }
  void AddNumber(std::uint64_t number) { Add(absl::StrFormat("%d", number)); }
  std::string Hex() const {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size(), digest);
    return absl::BytesToHexString(base::AbslView({reinterpret_cast<const char*>(digest), sizeof digest}));
  }

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
  digest.Add(campaign.message.html);
  digest.Add(campaign.message.text);
  digest.AddNumber(campaign.message.headers.size());
  for (const auto& [name, value] : campaign.message.headers) {
    digest.Add(name);
    digest.Add(value);
  }
  digest.AddNumber(static_cast<std::uint64_t>(campaign.message.date));
  digest.AddNumber(static_cast<std::uint64_t>(campaign.message.on_missing));
  digest.Add(campaign.list.id);
  const Recipients& recipients = campaign.recipients;
  digest.Add(recipients.file.substr(recipients.file.rfind('/') + 1));
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

}  // namespace campaign
