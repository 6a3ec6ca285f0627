#include "engine/message/lint.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/message/eml.h"
#include "engine/message/html_tags.h"
#include "engine/message/mime_part.h"
#include "engine/message/template.h"
#include "engine/message/transfer_encoding.h"

namespace message {
namespace {

// Gmail, Outlook.com and Yahoo take 25 MB as it is sent; many servers take 10.
constexpr std::size_t kMessageMax = std::size_t{25} << 20, kMessageLarge = std::size_t{10} << 20;

class Linter {
 public:
  explicit Linter(const MessageSpec& spec) : spec_(spec) {}
  std::vector<Finding> Run();

 private:
  void Add(std::string_view check, bool fails, const TemplateText& where, std::uint32_t line, std::string what) {
    findings_.push_back({std::string(check), fails, where.file, line, std::move(what)});
  }
  void Collect(const MimePart& part);
  void LintHtml(const TemplateText& html);
  void LintLink(const TemplateText& html, const HtmlTag& tag, std::string_view attribute);
  void LintPartials();
  void LintInlines(const TemplateText& anywhere);
  void LintUnsubscribe();

  const MessageSpec& spec_;
  std::vector<Finding> findings_;
  std::vector<TemplateText> htmls_;
  bool has_plain_ = false;
  std::size_t data_bytes_ = 0;  // In base64.
  std::vector<std::string> content_ids_;
  std::vector<std::string> references_;  // cid: in the HTML.
};

void Linter::Collect(const MimePart& part) {
  for (const MimePart& child : part.children) Collect(child);
  if (part.kind == MimePart::Kind::kText) {
    if (part.escape == Escape::kHtml) {
      htmls_.push_back(part.text);
    } else {
      has_plain_ = true;
    }
  }
  if (part.kind != MimePart::Kind::kData) return;
  data_bytes_ += Base64Size(part.data.size());
  constexpr std::string_view kField = "content-id:";
  const std::size_t id = base::LowerAscii(part.fields).find(kField);
  if (id == std::string::npos) return;
  const std::size_t open = part.fields.find('<', id);
  const std::size_t close = part.fields.find('>', id);
  if (open < close && close != std::string::npos)
    content_ids_.push_back(part.fields.substr(open + 1, close - open - 1));
}

void Linter::LintLink(const TemplateText& html, const HtmlTag& tag, std::string_view attribute) {
  const std::string_view link = tag.Get(attribute).value_or("");
  if (link.starts_with("cid:")) references_.emplace_back(link.substr(4));
  if (link.find("{{{") != std::string_view::npos || link.find("{{&") != std::string_view::npos) {
    Add("unescaped_link", false, html, tag.line,
        absl::StrFormat(
            "a field stands unescaped in the %s \"%s\"; a quote in its value ends the link; write {{field}}", attribute,
            link));
  }
  const std::size_t query = link.find('?');
  if (query == std::string_view::npos) return;
  for (const std::string_view field : {"{{email}}", "{{sluice.email}}", "{{ email }}", "{{ sluice.email }}"}) {
    if (link.find(field, query) == std::string_view::npos) continue;
    Add("unescaped_link", false, html, tag.line,
        absl::StrFormat("%s is not percent-encoded in the %s; an address with \"+\" or \"&\" arrives changed; write "
                        "{{sluice.email_url}}",
                        field, attribute));
  }
}

void Linter::LintHtml(const TemplateText& html) {
  for (const HtmlTag& tag : HtmlTags(html.text, html.line)) {
    LintLink(html, tag, "href");
    LintLink(html, tag, "src");
    if (base::EqualsIgnoreCase(tag.name, "img") && !tag.Get("alt").has_value()) {
      Add("image_without_alt", false, html, tag.line,
          absl::StrFormat("the image \"%s\" has no alt; say what it shows, or write alt=\"\"",
                          tag.Get("src").value_or("")));
    }
  }
  for (std::size_t at = html.text.find("url(cid:"); at != std::string::npos; at = html.text.find("url(cid:", at + 1)) {
    references_.push_back(html.text.substr(at + 8, html.text.find(')', at) - at - 8));
  }
}

// Those that HTML calls; in one of the text part tags are no tags.
void Linter::LintPartials() {
  std::set<std::string> called;
  for (const TemplateText& html : htmls_) {
    const absl::StatusOr<Template> compiled = Template::CompileText(html, Escape::kHtml, spec_.partials);
    if (compiled.ok()) called.insert(compiled->partials().begin(), compiled->partials().end());
  }
  for (const Partial& partial : spec_.partials) {
    if (called.count(partial.name) > 0) LintHtml(partial.text);
  }
}

void Linter::LintInlines(const TemplateText& anywhere) {
  for (const std::string& id : references_) {
    if (id.find("{{") != std::string::npos) continue;
    if (std::find(content_ids_.begin(), content_ids_.end(), id) != content_ids_.end()) continue;
    Add("missing_inline", true, anywhere, anywhere.line,
        absl::StrFormat("cid:%s is shown, and no inline file has this id", id));
  }
  for (const std::string& id : content_ids_) {
    const bool used = std::any_of(references_.begin(), references_.end(), [&](const std::string& reference) {
      return reference == id || reference.find("{{") != std::string::npos;
    });
    if (!used) {
      Add("unused_inline", false, anywhere, anywhere.line,
          absl::StrFormat("the inline file \"%s\" is shown nowhere; show it as cid:%s, or attach it", id, id));
    }
  }
}

void Linter::LintUnsubscribe() {
  const TemplateText& url = spec_.unsubscribe_url;
  if (url.text.empty()) {
    if (spec_.list_id.empty() && spec_.unsubscribe_mailto.text.empty()) return;
    const TemplateText& where = spec_.unsubscribe_mailto.text.empty() ? spec_.subject : spec_.unsubscribe_mailto;
    return Add("no_one_click", false, where, where.line,
               "mail to a list without one-click unsubscription; Gmail and Yahoo ask for it: set list.unsubscribe_url");
  }
  const absl::StatusOr<Template> compiled = Template::CompileText(url, Escape::kNone, spec_.partials);
  if (!compiled.ok()) return;
  const std::vector<FieldUse> fields = compiled->Fields();
  const bool has_token = std::any_of(fields.begin(), fields.end(), [](const FieldUse& field) {
    return field.name == "token" || field.name == "sluice.token";
  });
  if (fields.empty()) {
    Add("no_token", true, url, url.line,
        "the unsubscribe URL is the same for everybody: who unsubscribes cannot be known; put {{token}} into it");
  } else if (!has_token) {
    Add("no_token", false, url, url.line,
        "the unsubscribe URL has no {{token}}; others may guess it and unsubscribe people");
  }
}

std::vector<Finding> Linter::Run() {
  std::vector<std::string> errors;
  const MimePart root = spec_.eml.has_value() ? ReadEml(*spec_.eml, errors).root : StructureOf(spec_);
  Collect(root);
  for (const TemplateText& html : htmls_) LintHtml(html);
  LintPartials();
  if (!htmls_.empty()) {
    LintInlines(htmls_.front());
    if (!has_plain_) {
      Add("no_text", false, htmls_.front(), htmls_.front().line,
          "HTML without a text part; filters take that amiss, and some people read text only");
    }
  }
  LintUnsubscribe();
  if (data_bytes_ > kMessageLarge) {
    const bool fails = data_bytes_ > kMessageMax;
    Add("large_attachments", fails, spec_.subject, spec_.subject.line,
        absl::StrFormat("the files take %d MB in every message; %s", data_bytes_ >> 20,
                        fails ? "no large provider takes more than 25" : "many servers refuse more than 10"));
  }
  return std::move(findings_);
}

}  // namespace

std::vector<Finding> LintMessage(const MessageSpec& spec) { return Linter(spec).Run(); }

}  // namespace message
