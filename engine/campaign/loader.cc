// Reads a campaign file into its structs, and checks everything that can be checked without the recipients.

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/base/duration_text.h"
#include "engine/base/text.h"
#include "engine/campaign/address.h"
#include "engine/campaign/byte_source.h"
#include "engine/campaign/campaign.h"
#include "engine/campaign/document.h"
#include "engine/campaign/message_loader.h"
#include "engine/campaign/retry_reader.h"

namespace campaign {
namespace {

constexpr std::size_t kCampaignFileMax = 4u << 20;

// Major and minor version; nullopt: not a version.
std::optional<std::pair<int, int>> ParseVersion(std::string_view text) {
  std::vector<int> numbers;
  while (true) {
    const std::optional<int> number = base::ParseInteger<int>(text.substr(0, text.find('.')));
    if (!number.has_value() || *number < 0 || numbers.size() == 3) return std::nullopt;
    numbers.push_back(*number);
    if (text.find('.') == std::string_view::npos) break;
    text.remove_prefix(text.find('.') + 1);
  }
  return std::pair(numbers[0], numbers.size() > 1 ? numbers[1] : 0);
}

// For people, with a space for each control character.
std::string OneLine(std::string_view text) {
  std::string line;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t control = base::ControlAt(text, i);
    line.push_back(control > 0 ? ' ' : text[i]);
    i += std::max<std::size_t>(control, 1);
  }
  return std::string(base::TrimAscii(line));
}

// Builds one campaign; every mistake is noted, and reading goes on.
class Loader {
 public:
  Loader(const std::string& path, Mistakes& mistakes) : mistakes_(mistakes) {
    campaign_.path = path;
    const std::size_t slash = path.rfind('/');
    folder_ = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  }
  Campaign Load(const Node& document);

 private:
  std::string Resolve(const std::string& file) const { return ResolvePath(folder_, file); }
  SourceText Template(Section& section, std::string_view key) { return ReadText(section, key, campaign_.path); }
  void LoadTop(Section& top);
  void LoadFrom(Section from);
  void LoadList(Section list);
  void LoadRecipients(Section recipients);
  RowLimit Limit(Section& section, std::string_view key);
  void LoadDelivery(Section delivery);
  void LoadMeta(Section meta);
  std::optional<base::WallTime> Time(Section& section, std::string_view key);

  Mistakes& mistakes_;
  std::string folder_;
  Campaign campaign_;
};

void Loader::LoadTop(Section& top) {
  const Node* format = top.Integer("format");
  if (format == nullptr && top.Any("format") == nullptr) {
    top.Mistake(1, "format", "missing; write format = 1");
  } else if (format != nullptr && format->integer != 1) {
    top.Mistake(format->line, "format",
                absl::StrFormat("%d is not known to this program; write format = 1", format->integer));
  }
  if (const Node* version = top.Text("min_sluice")) {
    const std::optional<std::pair<int, int>> needed = ParseVersion(version->text);
    if (!needed.has_value()) {
      top.Mistake(version->line, "min_sluice", "a version such as \"0.1\" belongs here");
    } else if (*needed > *ParseVersion(SLUICE_VERSION)) {
      top.Mistake(version->line, "min_sluice",
                  absl::StrFormat("this is sluice %s, and the campaign needs %s", SLUICE_VERSION, version->text));
    }
  }
  const Node* id = top.Text("id");
  if (id != nullptr && !IsCampaignId(id->text)) {
    top.Mistake(id->line, "id",
                absl::StrFormat("\"%s\" is not an id; 1 to 64 of A-Z a-z 0-9 . _ - belong here", id->text));
  } else if (id != nullptr) {
    campaign_.id = id->text;
  } else if (top.Any("id") == nullptr) {
    top.Mistake(1, "id", "missing; 1 to 64 of A-Z a-z 0-9 . _ - belong here");
  }
  if (const Node* name = top.Text("name")) campaign_.name = OneLine(name->text);
  campaign_.kind = static_cast<Kind>(top.Choice("kind", {"marketing", "transactional"}).value_or(0));
}

void Loader::LoadFrom(Section from) {
  const Node* address = from.Text("address");
  if (address == nullptr) {
    if (from.Any("address") == nullptr)
      from.Mistake(std::max(1u, from.line()), "address", "missing; the sender's address belongs here");
  } else {
    Address parsed;
    std::string_view reason;
    if (!ParseAddress(address->text, parsed, reason)) {
      from.Mistake(address->line, "address", absl::StrFormat("\"%s\": %s", address->text, reason));
    } else if (parsed.needs_smtputf8) {
      from.Mistake(address->line, "address", "the sender's address must be ASCII before the @");
    }
    campaign_.from_address = parsed.wire;
  }
  campaign_.from_name = Template(from, "name");
  from.Finish();
}

void Loader::LoadList(Section list) {
  if (const Node* id = list.Text("id")) {
    const bool plain = !id->text.empty() && std::all_of(id->text.begin(), id->text.end(), [](char c) {
      return c > ' ' && c < 0x7F && c != '<' && c != '>';
    });
    if (!plain) list.Mistake(id->line, "id", "a list-id such as weekly.example.com belongs here");
    campaign_.list.id = id->text;
  }
  campaign_.list.unsubscribe_url = Template(list, "unsubscribe_url");
  campaign_.list.unsubscribe_mailto = Template(list, "unsubscribe_mailto");
  campaign_.list.feedback_id = Template(list, "feedback_id");
  if (campaign_.kind == Kind::kMarketing && (campaign_.list.id.empty() || campaign_.list.unsubscribe_url.empty())) {
    mistakes_.Add(std::max(1u, list.line()),
                  "list: a marketing campaign needs list.id and list.unsubscribe_url (one-click, RFC 8058); mail that "
                  "needs no list is kind = "
                  "\"transactional\"");
  }
  list.Finish();
}

// "8%" as 0.08.
std::optional<double> ParseShare(const Node& node) {
  if (node.kind != Node::Kind::kText || !node.text.ends_with("%")) return std::nullopt;
  double percent = 0;
  const char* end = node.text.data() + node.text.size() - 1;
  const auto [stop, error] = std::from_chars(node.text.data(), end, percent);
  if (error != std::errc{} || stop != end || !(percent >= 0 && percent <= 100)) return std::nullopt;  // Nor nan.
  return percent / 100;
}

void LoadBudget(Section& section, std::string_view key, BudgetLimit& limit) {
  const Node* node = section.Any(key);
  if (node == nullptr) return;
  limit = {};
  if (node->kind == Node::Kind::kInteger && node->integer > 0) {
    limit.count = static_cast<std::uint64_t>(node->integer);
  } else if (const std::optional<double> share = ParseShare(*node)) {
    limit.share = share;
  } else if (node->kind != Node::Kind::kText || node->text != "off") {
    section.Mistake(node->line, key, "a number from 1, a percentage such as \"8%\" or \"off\" belongs here");
  }
}

RowLimit Loader::Limit(Section& section, std::string_view key) {
  RowLimit limit;
  const Node* node = section.Any(key);
  if (node == nullptr) return limit;
  if (node->kind == Node::Kind::kInteger && node->integer >= 0) {
    limit.count = static_cast<std::uint64_t>(node->integer);
    limit.text = absl::StrFormat("%d", node->integer);
    return limit;
  }
  if (const std::optional<double> share = ParseShare(*node)) {
    limit.share = *share;
    limit.text = node->text;
    return limit;
  }
  section.Mistake(node->line, key, "a number of rows or a percentage such as \"5%\" belongs here");
  return limit;
}

void Loader::LoadRecipients(Section recipients) {
  if (!recipients.IsPresent()) {
    mistakes_.Add(1, "recipients: missing; the table [recipients] says who gets it");
    return;
  }
  Recipients& out = campaign_.recipients;
  if (const Node* file = recipients.Text("file")) {
    out.file = Resolve(file->text);
  } else if (recipients.Any("file") == nullptr) {
    recipients.Mistake(recipients.line(), "file", "missing; a file of .csv, .tsv or .ndjson belongs here");
  }
  if (const Node* address = recipients.Text("address")) out.address = address->text;
  if (const Node* key = recipients.Text("key")) out.key = key->text;
  out.meta = recipients.Texts("meta");
  for (const std::string& file : recipients.Texts("suppress")) out.suppress.push_back(Resolve(file));
  out.duplicates = static_cast<Duplicates>(recipients.Choice("duplicates", {"fold", "exact", "allow"}).value_or(0));
  out.on_invalid = static_cast<OnInvalid>(recipients.Choice("on_invalid", {"skip", "stop"}).value_or(0));
  out.max_invalid = Limit(recipients, "max_invalid");
  if (const Node* expect = recipients.Integer("expect")) {
    if (expect->integer < 0) recipients.Mistake(expect->line, "expect", "a number of rows belongs here");
    out.expect = static_cast<std::uint64_t>(expect->integer);
  }
  if (out.duplicates == Duplicates::kAllow && out.key.empty()) {
    recipients.Mistake(recipients.line(), "key",
                       "missing; with duplicates = \"allow\" a column that is different in every row belongs here");
  }
  Section defaults = recipients.Table("defaults");
  for (const auto& [name, node] : defaults.members()) {
    if (node.kind == Node::Kind::kText) {
      out.defaults.emplace_back(name, node.text);
    } else {
      defaults.Mistake(node.line, name, "a text belongs here");
    }
  }
  recipients.Finish();
}

std::optional<base::WallTime> Loader::Time(Section& section, std::string_view key) {
  const Node* node = section.Any(key);
  if (node == nullptr) return std::nullopt;
  const bool is_time = node->kind == Node::Kind::kTime || node->kind == Node::Kind::kText;
  const std::optional<base::WallTime> time = is_time ? base::ParseRfc3339(node->text) : std::nullopt;
  if (!time.has_value())
    section.Mistake(node->line, key, "a time with its offset belongs here, such as 2026-11-25T09:00:00+01:00");
  return time;
}

void Loader::LoadDelivery(Section delivery) {
  campaign_.delivery.start = Time(delivery, "start");
  campaign_.delivery.finish_by = Time(delivery, "finish_by");
  if (campaign_.delivery.start.has_value() && campaign_.delivery.finish_by <= campaign_.delivery.start) {
    const Node* end = delivery.Any("finish_by");
    if (campaign_.delivery.finish_by.has_value())
      delivery.Mistake(end->line, "finish_by", "is not after delivery.start");
  }
  if (const Node* pool = delivery.Text("pool")) campaign_.delivery.pool = pool->text;
  if (const Node* age = delivery.Text("max_age")) {
    const absl::StatusOr<base::Duration> duration = base::ParseDuration(age->text);
    if (!duration.ok()) {
      delivery.Mistake(age->line, "max_age",
                       absl::StrFormat("\"%s\": %s", age->text, std::string(duration.status().message())));
    } else {
      campaign_.delivery.max_age = *duration;
    }
  }
  if (const Node* weight = delivery.Integer("weight")) {
    if (weight->integer < 1 || weight->integer > 1000) {
      delivery.Mistake(weight->line, "weight", "a number from 1 to 1000 belongs here");
    } else {
      campaign_.delivery.weight = static_cast<std::uint32_t>(weight->integer);
    }
  }
  campaign_.delivery.in_doubt = static_cast<InDoubt>(delivery.Choice("in_doubt", {"hold", "resend"}).value_or(0));
  if (const Node* node = delivery.Text("max_message_rate")) {
    const absl::StatusOr<base::Rate> rate = base::ParseRate(node->text);
    if (!rate.ok()) {
      delivery.Mistake(node->line, "max_message_rate", std::string(rate.status().message()));
    } else if (rate->count == 0) {
      delivery.Mistake(node->line, "max_message_rate",
                       "nothing would ever be sent; leave it out, or pause the campaign");
    } else {
      campaign_.delivery.max_message_rate = *rate;
    }
  }
  campaign_.delivery.tls = static_cast<Tls>(delivery.Choice("tls", {"opportunistic", "required"}).value_or(0));
  campaign_.delivery.dkim_required = delivery.Choice("dkim", {"required", "optional"}).value_or(0) == 0;
  Section budget = delivery.Table("budget");
  LoadBudget(budget, "auth", campaign_.delivery.budget.auth);
  LoadBudget(budget, "blocked", campaign_.delivery.budget.blocked);
  LoadBudget(budget, "content", campaign_.delivery.budget.content);
  LoadBudget(budget, "bounce", campaign_.delivery.budget.bounce);
  budget.Finish();
  campaign_.delivery.retry = ReadRetry(delivery.Table("retry"));
  delivery.Finish();
}

void Loader::LoadMeta(Section meta) {
  for (const auto& [name, node] : meta.members()) {
    if (node.kind == Node::Kind::kText) {
      campaign_.meta[name] = node.text;
    } else {
      meta.Mistake(node.line, name, "a text belongs here");
    }
  }
}

Campaign Loader::Load(const Node& document) {
  Section top(&document, "", mistakes_);
  LoadTop(top);
  LoadFrom(top.Table("from"));
  Section reply_to = top.Table("reply_to");
  campaign_.reply_to_address = Template(reply_to, "address");
  campaign_.reply_to_name = Template(reply_to, "name");
  if (const Node* name = reply_to.Any("name"); name != nullptr && campaign_.reply_to_address.empty()) {
    reply_to.Mistake(name->line, "name", "there is no reply_to.address that it could belong to; write that, too");
  }
  reply_to.Finish();
  Section to = top.Table("to");
  campaign_.to_name = Template(to, "name");
  to.Finish();
  Section envelope = top.Table("envelope");
  campaign_.envelope_sender = Template(envelope, "sender");
  envelope.Finish();
  LoadMessage(top.Table("message"), folder_, campaign_);
  LoadList(top.Table("list"));
  LoadRecipients(top.Table("recipients"));
  LoadDelivery(top.Table("delivery"));
  LoadMeta(top.Table("meta"));
  top.Finish();
  return std::move(campaign_);
}

}  // namespace

bool IsCampaignId(std::string_view text) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !text.empty() && text.size() <= 64 && text != "." && text != ".." &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

absl::StatusOr<Campaign> LoadCampaign(const std::string& path, MessageFiles files) {
  absl::StatusOr<std::string> text = ReadWholeFile(path, kCampaignFileMax);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  if (!base::IsUtf8(*text)) return absl::InvalidArgumentError(path + ": not UTF-8");
  absl::StatusOr<Node> document = path.ends_with(".json") ? ParseJson(*text, path) : ParseToml(*text, path);
  if (!document.ok()) return document.status();
  Mistakes mistakes(path);
  Campaign campaign = Loader(path, mistakes).Load(*document);
  if (files == MessageFiles::kMustExist && !campaign.missing_files.empty()) mistakes.AddLine(campaign.missing_files);
  if (!mistakes.empty()) return mistakes.ToStatus();
  return campaign;
}

}  // namespace campaign
