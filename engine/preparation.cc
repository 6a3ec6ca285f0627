#include "engine/preparation.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/campaign/token.h"
#include "engine/message/renderer.h"
#include "engine/roster/prepare.h"

namespace engine {
namespace {

message::TemplateText Text(const campaign::SourceText& text) { return {text.text, text.file, text.line}; }

std::optional<message::TemplateText> OptionalText(const std::optional<campaign::SourceText>& text) {
  return text.has_value() ? std::optional(Text(*text)) : std::nullopt;
}

std::vector<message::Attachment> Attachments(const std::vector<campaign::AttachedFile>& files) {
  std::vector<message::Attachment> attachments;
  for (const campaign::AttachedFile& file : files) attachments.push_back({file.name, file.content_id, file.content});
  return attachments;
}

}  // namespace

message::MessageSpec SpecOf(const campaign::Campaign& campaign) {
  message::MessageSpec spec;
  spec.campaign_id = campaign.id;
  spec.kind =
      campaign.kind == campaign::Kind::kMarketing ? message::MailKind::kMarketing : message::MailKind::kTransactional;
  spec.on_missing = campaign.message.on_missing == campaign::OnMissing::kInvalid ? message::OnMissing::kInvalid
                                                                                 : message::OnMissing::kEmpty;
  spec.date_mode =
      campaign.message.date == campaign::DateMode::kStart ? message::DateMode::kStart : message::DateMode::kSend;
  spec.from_address = campaign.from_address;
  spec.from_name = Text(campaign.from_name);
  spec.reply_to_address = Text(campaign.reply_to_address);
  spec.reply_to_name = Text(campaign.reply_to_name);
  spec.to_name = Text(campaign.to_name);
  spec.envelope_sender = Text(campaign.envelope_sender);
  spec.subject = Text(campaign.message.subject);
  spec.html = OptionalText(campaign.message.html);
  spec.text = OptionalText(campaign.message.text);
  spec.eml = OptionalText(campaign.message.eml);
  spec.inlines = Attachments(campaign.message.inlines);
  spec.attachments = Attachments(campaign.message.attachments);
  for (const auto& [name, value] : campaign.message.headers) spec.headers.push_back({name, Text(value)});
  for (const auto& [name, text] : campaign.message.partials) spec.partials.push_back({name, Text(text)});
  spec.list_id = campaign.list.id;
  spec.unsubscribe_url = Text(campaign.list.unsubscribe_url);
  spec.unsubscribe_mailto = Text(campaign.list.unsubscribe_mailto);
  spec.feedback_id = Text(campaign.list.feedback_id);
  return spec;
}

absl::Status PrepareCampaign(io::Disk& disk, const Preparation& preparation) {
  const campaign::Campaign& campaign = *preparation.campaign;
  if (!campaign.missing_files.empty()) return absl::InvalidArgumentError(campaign.missing_files);
  message::MessageSpec spec = SpecOf(campaign);
  const std::string snapshot = message::Serialize(spec);
  absl::StatusOr<std::unique_ptr<const message::MessageTemplate>> compiled =
      message::MessageTemplate::Compile(std::move(spec));
  if (!compiled.ok()) return compiled.status();
  return roster::Prepare(disk, {.directory = preparation.directory,
                                .campaign = &campaign,
                                .suppression = preparation.suppression,
                                .message = compiled->get(),
                                .template_snapshot = snapshot,
                                .dkim_keys = preparation.dkim_keys,
                                .token_key = preparation.token_key,
                                .campaign_hash = campaign::CampaignHash(campaign.id),
                                .test = preparation.test,
                                .rehearsal = preparation.rehearsal,
                                .now = preparation.now,
                                .progress = preparation.progress});
}

absl::Status CheckUnchanged(const campaign::Campaign& campaign, const roster::Manifest& manifest,
                            const std::string& directory) {
  if (manifest.campaign != campaign.id) {
    return absl::InternalError(absl::StrFormat("%s: the state of another campaign, %s", directory, manifest.campaign));
  }
  const std::map<std::string, std::string> files = campaign::FileDigests(campaign);
  const bool same_files = std::all_of(files.begin(), files.end(), [&](const auto& file) {
    const auto then = manifest.message_files.find(file.first);
    return then != manifest.message_files.end() && then->second == file.second;
  });
  if (same_files && manifest.frozen_digest == campaign::FrozenDigest(campaign)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s: campaign %s was started on %s with another message or other recipients; what was started cannot be changed: "
      "undo the change, or give the new campaign an id of its own",
      campaign.path, campaign.id, directory));
}

absl::Status CheckKind(bool rehearsal, const roster::Manifest& manifest, const std::string& directory) {
  if (manifest.rehearsal.value_or(rehearsal) == rehearsal) return absl::OkStatus();
  return absl::FailedPreconditionError(
      directory +
      (rehearsal ? " is the state of the campaign itself, not of a rehearsal; rehearse with another --state, or none"
                 : " is the state of a rehearsal, in which no mail has left; send with another --state, or none"));
}

absl::Status CheckNothingStarted(io::Disk& disk, const StatePaths& paths) {
  const absl::StatusOr<std::vector<std::string>> names = disk.List(paths.ledger());
  if (!names.ok() || names->empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrFormat(
      "%s/%s is missing, and the campaign was started: restore it; without the folder %s the campaign starts from the "
      "beginning, and who has the mail gets it again",
      paths.campaign, roster::kManifestName, paths.campaign));
}

}  // namespace engine
