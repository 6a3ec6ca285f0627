#include "engine/campaign/message_loader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/campaign/byte_source.h"

namespace campaign {
namespace {

constexpr std::size_t kTemplateFileMax = 8u << 20;
constexpr std::size_t kPartialsMax = 16u << 20;  // Of all of them.

class MessageLoader {
 public:
  MessageLoader(const std::string& folder, Campaign& campaign) : folder_(folder), campaign_(campaign) {}
  void Load(Section& message);

 private:
  std::optional<SourceText> Part(Section& message, std::string_view inline_key, std::string_view file_key);
  SourceText ReadTemplateFile(Section& section, std::string_view key, const Node& named);
  std::string ReadInput(Section& section, std::string_view key, const Node& named, const std::string& path,
                        std::size_t bytes_max, bool& missing);
  AttachedFile Attach(Section& section, std::string_view key, const Node& named);
  void LoadInline(Section inlines);
  void LoadFiles(Section& message);
  void LoadHeaders(Section headers);
  void LoadPartials(Section partials, bool are_files);

  const std::string& folder_;
  Campaign& campaign_;
  std::size_t attached_bytes_ = 0;
  std::size_t partial_bytes_ = 0;
};

std::optional<SourceText> MessageLoader::Part(Section& message, std::string_view inline_key,
                                              std::string_view file_key) {
  const Node* text = message.Text(inline_key);
  const Node* file = message.Text(file_key);
  if (text != nullptr && file != nullptr) {
    message.Mistake(file->line, file_key,
                    absl::StrFormat("there is %s too; write one of them", message.PathOf(inline_key)));
  }
  if (text != nullptr) return SourceText{text->text, campaign_.path, std::max(1u, text->line)};
  if (file == nullptr) return std::nullopt;
  return ReadTemplateFile(message, file_key, *file);
}

SourceText MessageLoader::ReadTemplateFile(Section& section, std::string_view key, const Node& named) {
  SourceText part{"", ResolvePath(folder_, named.text), 1};
  part.text = ReadInput(section, key, named, part.file, kTemplateFileMax, part.is_missing);
  if (!base::IsUtf8(part.text)) section.Mistake(named.line, key, part.file + " is not UTF-8");
  return part;
}

// The bytes of a file that the message names. That it is not there may not matter: `missing` says so.
std::string MessageLoader::ReadInput(Section& section, std::string_view key, const Node& named, const std::string& path,
                                     std::size_t bytes_max, bool& missing) {
  absl::StatusOr<std::string> content = ReadWholeFile(path, bytes_max);
  if (content.ok()) return *std::move(content);
  missing = absl::IsNotFound(content.status());
  if (!missing) {
    section.Mistake(named.line, key, std::string(content.status().message()));
    return "";
  }
  absl::StrAppendFormat(&campaign_.missing_files, "%s%s:%d: %s: %s", campaign_.missing_files.empty() ? "" : "\n",
                        campaign_.path, std::max(1u, named.line), section.PathOf(key),
                        std::string(content.status().message()));
  return "";
}

AttachedFile MessageLoader::Attach(Section& section, std::string_view key, const Node& named) {
  AttachedFile file;
  if (named.kind != Node::Kind::kText || named.text.empty()) {
    section.Mistake(named.line, key, "the name of a file belongs here");
    return file;
  }
  file.path = ResolvePath(folder_, named.text);
  file.name = file.path.substr(file.path.rfind('/') + 1);
  file.line = std::max(1u, named.line);
  if (attached_bytes_ > kAttachmentsMax) return file;  // It is too much already.
  file.content = ReadInput(section, key, named, file.path, kAttachmentMax, file.is_missing);
  attached_bytes_ += file.content.size();
  return file;
}

// RFC 2392 takes an id with or without "@"; mail programs do too.
void MessageLoader::LoadInline(Section inlines) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@";
  for (const auto& [id, node] : inlines.members()) {
    if (id.empty() || id.size() > 100 || id.find_first_not_of(kAllowed) != std::string::npos) {
      inlines.Mistake(node.line, id, "not an id for cid:; 1 to 100 of A-Z a-z 0-9 . _ - @ belong here");
      continue;
    }
    campaign_.message.inlines.push_back(Attach(inlines, id, node));
    campaign_.message.inlines.back().content_id = id;
  }
}

void MessageLoader::LoadFiles(Section& message) {
  if (const Node* list = message.List("attachments")) {
    for (const Node& item : list->items) campaign_.message.attachments.push_back(Attach(message, "attachments", item));
  }
  LoadInline(message.Table("inline"));
  if (attached_bytes_ > kAttachmentsMax) {
    message.Mistake(message.line(), "attachments",
                    absl::StrFormat("more than %d MB with the inline files; at most that", kAttachmentsMax >> 20));
  }
  const Message& out = campaign_.message;
  if (!out.inlines.empty() && !out.html.has_value() && !out.eml.has_value()) {
    message.Mistake(message.line(), "inline", "there is no html that could show it");
  }
  if (!out.eml.has_value()) return;
  for (const auto& [key, there] :
       {std::pair("html", out.html.has_value()), std::pair("text", out.text.has_value()),
        std::pair("attachments", !out.attachments.empty()), std::pair("inline", !out.inlines.empty())}) {
    if (there) message.Mistake(message.line(), key, "an eml is a whole message; put it in there, or leave the eml out");
  }
}

void MessageLoader::LoadHeaders(Section headers) {
  for (const auto& [name, node] : headers.members()) {
    if (node.kind == Node::Kind::kText) {
      campaign_.message.headers.emplace_back(name, SourceText{node.text, campaign_.path, std::max(1u, node.line)});
    } else {
      headers.Mistake(node.line, name, "a text belongs here");
    }
  }
}

void MessageLoader::LoadPartials(Section partials, bool are_files) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/";
  std::vector<std::pair<std::string, SourceText>>& out = campaign_.message.partials;
  for (const auto& member : partials.members()) {
    const std::string& name = member.name;
    const Node& node = member.value;
    if (name.empty() || name.size() > 100 || name.find_first_not_of(kAllowed) != std::string::npos) {
      partials.Mistake(node.line, name, "not a name for {{> name}}; 1 to 100 of A-Z a-z 0-9 . _ - / belong here");
    } else if (node.kind != Node::Kind::kText) {
      partials.Mistake(node.line, name, are_files ? "the name of a file belongs here" : "a text belongs here");
    } else if (std::any_of(out.begin(), out.end(), [&](const auto& known) { return known.first == name; })) {
      partials.Mistake(node.line, name, "this partial is in [message.partials] too; write one of them");
    } else if (partial_bytes_ <= kPartialsMax) {
      out.emplace_back(name, are_files ? ReadTemplateFile(partials, name, node)
                                       : SourceText{node.text, campaign_.path, std::max(1u, node.line)});
      partial_bytes_ += out.back().second.text.size();
      if (partial_bytes_ > kPartialsMax) {
        partials.Mistake(node.line, name, absl::StrFormat("more than %d MB with the others", kPartialsMax >> 20));
      }
    }
  }
}

void MessageLoader::Load(Section& message) {
  campaign_.message.subject = ReadText(message, "subject", campaign_.path);
  campaign_.message.html = Part(message, "html", "html_file");
  campaign_.message.text = Part(message, "text", "text_file");
  campaign_.message.eml = Part(message, "eml", "eml_file");
  LoadFiles(message);
  const bool has_eml = campaign_.message.eml.has_value();
  if (campaign_.message.subject.empty() && !has_eml) message.Mistake(message.line(), "subject", "missing");
  if (!campaign_.message.html.has_value() && !campaign_.message.text.has_value() && !has_eml) {
    message.Mistake(message.line(), "text", "missing; write text, text_file, html, html_file, eml or eml_file");
  }
  campaign_.message.date = static_cast<DateMode>(message.Choice("date", {"start", "send"}).value_or(0));
  campaign_.message.on_missing = static_cast<OnMissing>(message.Choice("on_missing", {"invalid", "empty"}).value_or(0));
  LoadHeaders(message.Table("headers"));
  LoadPartials(message.Table("partials"), /*are_files=*/false);
  LoadPartials(message.Table("partial_files"), /*are_files=*/true);
  message.Finish();
}

}  // namespace

SourceText ReadText(Section& section, std::string_view key, const std::string& file) {
  const Node* node = section.Text(key);
  if (node == nullptr) return {};
  return {node->text, file, std::max(1u, node->line)};
}

std::string ResolvePath(const std::string& folder, const std::string& file) {
  return file == "-" || file.starts_with("/") ? file : folder + file;
}

void LoadMessage(Section message, const std::string& folder, Campaign& campaign) {
  if (message.IsPresent()) {
    MessageLoader(folder, campaign).Load(message);
  } else {
    message.Mistake(1, "", "missing; the table [message] says what is sent");
  }
}

}  // namespace campaign
