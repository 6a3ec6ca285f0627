#include "engine/message/template.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/message/template_parser.h"

namespace message {
namespace {

bool IsTrue(const Value* value) {
  if (value == nullptr) return false;
  switch (value->kind) {
    case Value::Kind::kNull:
    case Value::Kind::kFalse:
      return false;
    case Value::Kind::kText:
      return !value->text.empty();
    case Value::Kind::kList:
      return !value->items.empty();
    case Value::Kind::kObject:
      return true;
  }
  return false;
}

// What an interpolated value shows. Nullopt: lists and objects are not texts.
std::optional<std::string_view> TextOf(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return std::string_view();
    case Value::Kind::kFalse:
      return std::string_view("false");
    case Value::Kind::kText:
      return value.text;
    case Value::Kind::kList:
    case Value::Kind::kObject:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

// One pass over the nodes against one scope: makes fragments, or (without `out`) only looks for what is missing.
class TemplateWalk {
 public:
  TemplateWalk(const Template& source, absl::Span<const Value> scope, bool strict, std::vector<Template::Fragment>* out)
      : template_(source), scope_(scope), strict_(strict), out_(out) {}

  // Passes the nodes [begin, end). False: stopped, and the members below say why.
  bool Walk(std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t i = begin; i < end; ++i) {
      const Template::Node& node = template_.nodes_[i];
      if (++steps_ > Template::kMaxSteps) return Stop(&too_large_);
      switch (node.kind) {
        case Template::Node::Kind::kText:
          if (out_ != nullptr && !Add({template_.text(node.index), node.index, false})) return false;
          break;
        case Template::Node::Kind::kField:
          if (!Field(node)) return false;
          break;
        case Template::Node::Kind::kSection:
          if (!Section(i, node)) return false;
          i = node.end - 1;
          break;
        case Template::Node::Kind::kInverted:
          if (!IsTrue(Resolve(template_.names_[node.index])) && !Walk(i + 1, node.end)) return false;
          i = node.end - 1;
          break;
      }
    }
    return true;
  }

  bool too_large() const { return too_large_; }

  // Requires: the walk stopped, and not for being too large.
  std::string Missing() const {
    CHECK(missing_ != nullptr);
    return absl::StrFormat("the field \"%s\" (%s:%d) is %s", template_.View(missing_->whole), template_.file_,
                           missing_->line, missing_why_);
  }

 private:
  static bool Stop(bool* why) {
    *why = true;
    return false;
  }

  bool Add(Template::Fragment fragment) {
    bytes_ += fragment.bytes.size();
    if (bytes_ > Template::kMaxRenderedBytes) return Stop(&too_large_);
    out_->push_back(fragment);
    return true;
  }

  bool Field(const Template::Node& node) {
    const Template::Name& name = template_.names_[node.index];
    const Value* value = Resolve(name);
    const std::optional<std::string_view> text = value == nullptr ? std::optional<std::string_view>() : TextOf(*value);
    if (!text.has_value()) {
      if (!strict_) return true;
      missing_ = &name;
      missing_why_ = value == nullptr                    ? "absent"
                     : value->kind == Value::Kind::kList ? "a list, not a text"
                                                         : "an object, not a text";
      return false;
    }
    if (out_ == nullptr || text->empty()) return true;
    return Add({*text, Template::Fragment::kValue, node.escape});
  }

  bool Section(std::uint32_t index, const Template::Node& node) {
    const Value* value = Resolve(template_.names_[node.index]);
    if (!IsTrue(value)) return true;
    CHECK(depth_ < Template::kMaxDepth);
    ++depth_;
    bool going = true;
    if (value->kind == Value::Kind::kList) {
      for (const Value& item : value->items) {
        stack_[depth_ - 1] = &item;
        if (++steps_ > Template::kMaxSteps) going = Stop(&too_large_);
        going = going && Walk(index + 1, node.end);
        if (!going) break;
      }
    } else {
      stack_[depth_ - 1] = value;
      going = Walk(index + 1, node.end);
    }
    --depth_;
    return going;
  }

  // Nullptr: absent. The first part is looked for from the innermost section outwards, the others only within what was
  // found.
  const Value* Resolve(const Template::Name& name) {
    if (name.part_count == 0) return depth_ == 0 ? nullptr : stack_[depth_ - 1];
    const Template::Slice* parts = &template_.parts_[name.first_part];
    const Value* value = FindFirst(template_.View(parts[0]));
    for (std::uint32_t i = 1; i < name.part_count && value != nullptr; ++i) {
      value = FindMember(*value, template_.View(parts[i]));
    }
    return value;
  }

  const Value* FindMember(const Value& object, std::string_view name) {
    if (object.kind != Value::Kind::kObject) return nullptr;
    steps_ += object.members.size();
    for (const Member& member : object.members) {
      if (member.name == name) return &member.value;
    }
    return nullptr;
  }

  const Value* FindFirst(std::string_view name) {
    for (std::size_t i = depth_; i > 0; --i) {
      if (const Value* value = FindMember(*stack_[i - 1], name)) return value;
    }
    for (const Value& object : scope_) {
      if (const Value* value = FindMember(object, name)) return value;
    }
    return nullptr;
  }

  const Template& template_;
  const absl::Span<const Value> scope_;
  const bool strict_;
  std::vector<Template::Fragment>* const out_;
  const Value* stack_[Template::kMaxDepth];
  std::size_t depth_ = 0;
  std::size_t steps_ = 0;
  std::size_t bytes_ = 0;
  bool too_large_ = false;
  const Template::Name* missing_ = nullptr;
  const char* missing_why_ = "";
};

absl::StatusOr<Template> Template::Compile(std::string_view text, std::string_view file, std::uint32_t first_line,
                                           Escape escape) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:%d: the template has %d bytes; at most %d", file, first_line, text.size(), kMaxBytes));
  }
  if (!base::IsUtf8(text)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:%d: the template is not UTF-8; save the file as UTF-8", file, first_line));
  }
  Template result;
  result.source_ = text;
  result.file_ = file;
  TemplateParser parser(result, first_line, escape);
  if (absl::Status status = parser.Parse(); !status.ok()) return status;
  return result;
}

absl::Status Template::Execute(absl::Span<const Value> scope, OnMissing on_missing, std::vector<Fragment>& out) const {
  out.clear();
  TemplateWalk walk(*this, scope, on_missing == OnMissing::kInvalid, &out);
  if (walk.Walk(0, static_cast<std::uint32_t>(nodes_.size()))) return absl::OkStatus();
  if (walk.too_large()) {
    return absl::ResourceExhaustedError(absl::StrFormat("%s: the row's lists make the message too large; at most %d MB",
                                                        file_, kMaxRenderedBytes >> 20));
  }
  return absl::InvalidArgumentError(walk.Missing());
}

absl::Status Template::Render(absl::Span<const Value> scope, OnMissing on_missing, std::string& out) const {
  std::vector<Fragment> fragments;
  if (absl::Status status = Execute(scope, on_missing, fragments); !status.ok()) return status;
  for (const Fragment& fragment : fragments) {
    if (fragment.escape) {
      AppendHtmlEscaped(fragment.bytes, out);
    } else {
      out.append(fragment.bytes);
    }
  }
  return absl::OkStatus();
}

std::optional<std::string> Template::MissingField(absl::Span<const Value> scope) const {
  TemplateWalk walk(*this, scope, true, nullptr);
  if (walk.Walk(0, static_cast<std::uint32_t>(nodes_.size()))) return std::nullopt;
  if (walk.too_large()) return absl::StrFormat("the row's lists make the message (%s) too large", file_);
  return walk.Missing();
}

std::vector<FieldUse> Template::Fields() const {
  std::vector<FieldUse> uses;
  for (const Name& name : names_) {
    if (name.part_count == 0) continue;
    std::string joined;
    for (std::uint32_t i = 0; i < name.part_count; ++i) {
      if (i > 0) joined.push_back('.');
      joined.append(View(parts_[name.first_part + i]));
    }
    uses.push_back({std::move(joined), file_, name.line, name.is_section, name.in_section});
  }
  return uses;
}

void AppendHtmlEscaped(std::string_view text, std::string& out) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string_view entity;
    switch (text[i]) {
      case '&':
        entity = "&amp;";
        break;
      case '<':
        entity = "&lt;";
        break;
      case '>':
        entity = "&gt;";
        break;
      case '"':
        entity = "&quot;";
        break;
      case '\'':
        entity = "&#39;";
        break;
      default:
        continue;
    }
    out.append(text, done, i - done).append(entity);
    done = i + 1;
  }
  out.append(text, done);
}

}  // namespace message
