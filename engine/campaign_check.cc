#include "engine/campaign_check.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/campaign/token.h"
#include "engine/message/eml.h"
#include "engine/message/mime_decoding.h"
#include "engine/message/mime_part.h"
#include "engine/message/renderer.h"
#include "engine/message/unsubscribe_link.h"
#include "engine/preparation.h"
#include "engine/roster/prepare.h"
#include "engine/roster/roster.h"
#include "engine/roster/row_value.h"
#include "engine/suppression_watch.h"

namespace engine {
namespace {

constexpr std::size_t kLinesShown = 3;
constexpr std::size_t kGroupsMax = 100;
constexpr std::size_t kGmailClip = std::size_t{102} << 10;  // Gmail shows the rest of longer HTML only when asked to.
constexpr std::size_t kSubjectLong = 70;                    // Characters; phones show about half of that.
constexpr std::uint64_t kLargeList = 1000;                  // From here on bounces must not go to people.

// Rows that have something in common.
struct Group {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> lines;  // The first few.
  void Add(std::uint64_t line) {
    ++count;
    lines.push_back(line);
    std::sort(lines.begin(), lines.end());
    if (lines.size() > kLinesShown) lines.pop_back();
  }
  std::string Text() const {
    std::string text = absl::StrFormat("%d row%s (line%s ", count, count == 1 ? "" : "s", count == 1 ? "" : "s");
    for (std::size_t i = 0; i < lines.size(); ++i) absl::StrAppendFormat(&text, "%s%d", i == 0 ? "" : ", ", lines[i]);
    return text + (count > lines.size() ? ", ...)" : ")");
  }
};

// What is wrong may be different in every row: the groups are not many.
void Put(std::map<std::string, Group>& groups, const std::string& reason, std::uint64_t line) {
  const bool has_room = groups.size() < kGroupsMax || groups.find(reason) != groups.end();
  groups[has_room ? reason : "other reasons"].Add(line);
}

std::size_t Characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The value of a field, unfolded; empty: it is not there.
std::string FieldOf(std::string_view header, std::string_view name) {
  const std::string start = absl::StrFormat("\r\n%s:", std::string(name));
  const std::size_t begin = header.find(start);
  if (begin == std::string_view::npos) return "";
  std::string unfolded;
  for (std::size_t at = begin + start.size(); at < header.size(); ++at) {
    if (header.substr(at, 2) == "\r\n") {
      if (header.substr(at + 2, 1) != " ") break;
      ++at;
      continue;
    }
    unfolded.push_back(header[at]);
  }
  return unfolded;
}

// The Subject of a header section, as people see it.
std::string SubjectOf(std::string_view header) {
  return message::DecodeHeaderText(base::TrimAscii(FieldOf(header, "Subject"))).value_or("");
}

// The URL for one-click unsubscription in a header section; empty: there is none.
std::string UnsubscribeUrlOf(std::string_view header) {
  std::string value = FieldOf(header, "List-Unsubscribe");
  std::erase(value, ' ');
  const std::size_t begin = base::LowerAscii(value).find("<https:");
  return begin == std::string::npos ? "" : value.substr(begin + 1, value.find('>', begin) - begin - 1);
}

// The first text of a message that is HTML, or is not.
std::optional<message::TemplateText> TextOf(const message::MimePart& part, message::Escape escape) {
  if (part.kind == message::MimePart::Kind::kText && part.escape == escape) return part.text;
  for (const message::MimePart& child : part.children) {
    if (std::optional<message::TemplateText> text = TextOf(child, escape)) return text;
  }
  return std::nullopt;
}

class Check {
 public:
  Check(io::Disk& disk, const CheckRequest& request)
      : disk_(disk), request_(request), campaign_(*request.campaign), spec_(SpecOf(campaign_)) {}

  absl::StatusOr<CheckResult> Run();

 private:
  absl::Status Open();
  absl::Status LookAtRejects();
  absl::Status LookAtRows();
  absl::Status LookAtRow(std::uint64_t id);
  absl::Status Fill(std::uint64_t id, message::RenderInput& input);
  absl::Status LookAtBody();
  absl::StatusOr<std::string> RenderAlone(std::uint64_t id, const message::TemplateText& text, message::Escape escape);
  void MeasureHtml(const message::TemplateText& where, std::size_t size);
  void Report();
  void AddGroups(std::string_view check, bool fails, const std::map<std::string, Group>& groups,
                 std::string_view format_end);
  void Add(std::string_view check, bool fails, const message::TemplateText& where, std::string what) {
    result_.findings.push_back({std::string(check), fails, where.file, where.line, std::move(what)});
  }

  io::Disk& disk_;
  const CheckRequest& request_;
  const campaign::Campaign& campaign_;
  const message::MessageSpec spec_;
  std::unique_ptr<const roster::Roster> roster_;
  std::unique_ptr<const message::MessageTemplate> message_;
  std::unique_ptr<const message::MessageTemplate> strict_;  // Where absent fields are allowed: what tells of them.
  std::unique_ptr<roster::RowValue> row_;
  std::optional<campaign::TokenKey> key_;
  std::string token_;
  message::Rendered rendered_;
  std::map<std::string, Group> missing_, invalid_, refused_;
  Group empty_subjects_;
  std::size_t longest_subject_ = 0, largest_ = 0;
  std::uint64_t longest_subject_line_ = 0, largest_id_ = 0;
  CheckResult result_;
};

absl::Status Check::Open() {
  absl::StatusOr<std::unique_ptr<const roster::Roster>> roster = roster::Roster::Open(disk_, request_.scratch);
  if (!roster.ok()) return roster.status();
  roster_ = *std::move(roster);
  result_.manifest = roster_->manifest();
  absl::StatusOr<std::unique_ptr<const message::MessageTemplate>> compiled = message::MessageTemplate::Compile(spec_);
  if (!compiled.ok()) return compiled.status();
  message_ = *std::move(compiled);
  if (spec_.on_missing == message::OnMissing::kEmpty) {
    message::MessageSpec strict = spec_;
    strict.on_missing = message::OnMissing::kInvalid;
    compiled = message::MessageTemplate::Compile(std::move(strict));
    if (!compiled.ok()) return compiled.status();
    strict_ = *std::move(compiled);
  }
  row_ = std::make_unique<roster::RowValue>(roster_->manifest().columns, roster_->manifest().defaults);
  // Tokens of the right form that nobody can use.
  const absl::StatusOr<std::string> secret = campaign::TokenKey::Generate();
  if (!secret.ok()) return secret.status();
  absl::StatusOr<campaign::TokenKey> key = campaign::TokenKey::Parse(*secret);
  if (!key.ok()) return key.status();
  key_.emplace(*std::move(key));
  return absl::OkStatus();
}

absl::Status Check::LookAtRejects() {
  return roster_->VisitRejects([this](const roster::Reject& reject) {
    if (reject.type != roster::Reject::Type::kInvalid) return;
    if (base::StartsWithIgnoreCase(reject.reason, roster::kRefusedRow)) {
      Put(refused_, reject.reason.substr(roster::kRefusedRow.size()), reject.line);
    } else {
      const bool is_field = base::StartsWithIgnoreCase(reject.reason, "the field \"");
      Put(is_field ? missing_ : invalid_, reject.reason, reject.line);
    }
  });
}

absl::Status Check::Fill(std::uint64_t id, message::RenderInput& input) {
  const roster::RecipientView view = roster_->Recipient(id);
  if (absl::Status status = row_->SetPayload(view.is_json, view.payload); !status.ok()) return status;
  token_ = key_->Make(campaign_.id, view.row);
  input.row = &row_->value();
  input.row_number = view.row;
  input.address = view.address;
  input.token = token_;
  input.date = request_.now;
  input.needs_smtputf8 = view.needs_smtputf8;
  return absl::OkStatus();
}

absl::Status Check::LookAtRow(std::uint64_t id) {
  message::RenderInput input;
  if (absl::Status status = Fill(id, input); !status.ok()) return status;
  const std::uint64_t line = roster_->Recipient(id).line;
  if (strict_ != nullptr) {
    const absl::Status status = strict_->CheckFields(row_->value());
    if (absl::IsNotFound(status)) Put(missing_, std::string(status.message()), line);
  }
  if (const absl::Status status = message_->Render(input, rendered_); !status.ok()) {
    Put(refused_, std::string(status.message()), line);
    return absl::OkStatus();
  }
  const std::string subject = SubjectOf(rendered_.header());
  if (subject.empty()) empty_subjects_.Add(line);
  if (const std::size_t length = Characters(subject); length > longest_subject_) {
    longest_subject_ = length;
    longest_subject_line_ = line;
  }
  if (rendered_.size() > largest_) {
    largest_ = rendered_.size();
    largest_id_ = id;
  }
  return absl::OkStatus();
}

absl::Status Check::LookAtRows() {
  for (std::uint64_t id = 0; id < roster_->recipients(); ++id) {
    if (absl::Status status = LookAtRow(id); !status.ok()) return status;
  }
  return largest_ == 0 ? absl::OkStatus() : LookAtBody();
}

// The texts of the largest message.
absl::Status Check::LookAtBody() {
  std::vector<std::string> errors;
  const message::MimePart root =
      spec_.eml.has_value() ? message::ReadEml(*spec_.eml, errors).root : message::StructureOf(spec_);
  const std::optional<message::TemplateText> html = TextOf(root, message::Escape::kHtml);
  const std::optional<message::TemplateText> text = html.has_value() ? html : TextOf(root, message::Escape::kNone);
  message::RenderInput input;
  absl::Status status = Fill(largest_id_, input);
  if (!status.ok() || !text.has_value() || !message_->Render(input, rendered_).ok()) return status;
  const std::string url = UnsubscribeUrlOf(rendered_.header());
  const absl::StatusOr<std::string> body =
      RenderAlone(largest_id_, *text, html.has_value() ? message::Escape::kHtml : message::Escape::kNone);
  if (!body.ok()) return body.status();
  if (html.has_value()) MeasureHtml(*html, body->size());
  result_.shows_unsubscribe =
      html.has_value() ? message::HtmlShowsUnsubscribe(*body, url) : message::TextShowsUnsubscribe(*body, url);
  return absl::OkStatus();
}

// One text of a message by itself, as a mail program has it after decoding; empty: it cannot be made.
absl::StatusOr<std::string> Check::RenderAlone(std::uint64_t id, const message::TemplateText& text,
                                               message::Escape escape) {
  message::MessageSpec alone = spec_;
  alone.eml.reset();
  alone.text.reset();
  alone.html.reset();
  alone.inlines.clear();
  alone.attachments.clear();
  (escape == message::Escape::kHtml ? alone.html : alone.text) = text;
  const absl::StatusOr<std::unique_ptr<const message::MessageTemplate>> compiled =
      message::MessageTemplate::Compile(std::move(alone));
  if (!compiled.ok()) return compiled.status();
  message::RenderInput input;
  if (absl::Status status = Fill(id, input); !status.ok()) return status;
  if (!(*compiled)->Render(input, rendered_).ok()) return std::string();
  std::string body = rendered_.ToString().substr(rendered_.header().size());
  if (rendered_.header().find("base64") != std::string_view::npos) return message::DecodeBase64(body).value_or(body);
  if (rendered_.header().find("quoted-printable") != std::string_view::npos)
    return message::DecodeQuotedPrintable(body).value_or(body);
  return body;
}

void Check::MeasureHtml(const message::TemplateText& where, std::size_t size) {
  if (size <= kGmailClip) return;
  Add("gmail_clip", false, where,
      absl::StrFormat("the HTML has up to %d KB (line %d of the recipients); Gmail shows the first 102 only, and what "
                      "is behind, the unsubscribe link perhaps, not",
                      (size + 1023) >> 10, roster_->Recipient(largest_id_).line));
}

void Check::AddGroups(std::string_view check, bool fails, const std::map<std::string, Group>& groups,
                      std::string_view consequence) {
  for (const auto& [reason, group] : groups) {
    result_.findings.push_back({std::string(check), fails, campaign_.recipients.file, group.lines.front(),
                                absl::StrFormat("%s: %s%s", group.Text(), reason, consequence)});
  }
}

void Check::Report() {
  AddGroups("missing_field", false, missing_,
            spec_.on_missing == message::OnMissing::kEmpty ? "; nothing stands in its place" : "; they get no mail");
  AddGroups("invalid_row", false, invalid_, "; they get no mail");
  AddGroups("refused_row", true, refused_, "; their message cannot be made");
  if (empty_subjects_.count > 0) {
    Add("empty_subject", false, spec_.subject, absl::StrFormat("the subject is empty in %s", empty_subjects_.Text()));
  }
  if (longest_subject_ > kSubjectLong) {
    Add("long_subject", false, spec_.subject,
        absl::StrFormat("the subject has up to %d characters (line %d of the recipients); beyond %d few people see it",
                        longest_subject_, longest_subject_line_, kSubjectLong));
  }
  if (spec_.envelope_sender.text.empty() && roster_->recipients() >= kLargeList) {
    Add("no_envelope_sender", false, spec_.from_name,
        absl::StrFormat("bounces of %d messages would go to %s, and not tell whose they are; set envelope.sender with "
                        "{{token}}",
                        roster_->recipients(), spec_.from_address));
  }
}

absl::StatusOr<CheckResult> Check::Run() {
  SuppressionWatch suppression(disk_, SuppressionFilesOf(*request_.config, campaign_));
  absl::Status status = suppression.Load();
  if (!status.ok()) return status;
  const auto lists = suppression.lists();
  status = PrepareCampaign(disk_, {.campaign = &campaign_,
                                   .suppression = lists.get(),
                                   .directory = request_.scratch,
                                   .dkim_keys = {},
                                   .now = request_.now,
                                   .progress = request_.progress});
  if (status.ok()) status = Open();
  if (!status.ok()) return status;
  result_.findings = message::LintMessage(spec_);
  status = LookAtRejects();
  if (status.ok()) status = LookAtRows();
  if (!status.ok()) return status;
  Report();
  for (message::Finding& finding : result_.findings) {
    if (finding.file.empty()) finding.file = campaign_.path;
  }
  std::stable_sort(result_.findings.begin(), result_.findings.end(),
                   [](const message::Finding& a, const message::Finding& b) { return a.fails > b.fails; });
  return std::move(result_);
}

}  // namespace

bool CheckResult::HasFailed() const {
  return std::any_of(findings.begin(), findings.end(), [](const message::Finding& finding) { return finding.fails; });
}

absl::StatusOr<CheckResult> CheckCampaign(io::Disk& disk, const CheckRequest& request) {
  return Check(disk, request).Run();
}

}  // namespace engine
