#include "engine/message/template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/message/template_compiler.h"

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

// One pass over the nodes against one scope: makes fragments, or (without `out`) only looks for what would be refused.
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
          if (!Add({template_.text(node.index), node.index, false})) return false;
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
        case Template::Node::Kind::kPartial:
          if (!Partial(template_.programs_[node.index])) return false;
          break;
      }
    }
    return true;
  }
  bool WalkAll() { return Walk(template_.programs_[0].begin, template_.programs_[0].end); }

  std::size_t bytes() const { return bytes_; }
  std::size_t fragments() const { return fragments_; }
  std::size_t fields() const { return fields_; }  // Passed, whether or not there was a value.

  // Why the walk stopped. OK: a field is missing.
  absl::Status Limit() const {
    const std::string& file = template_.files_[0];
    if (too_large_) {
      return absl::ResourceExhaustedError(
          absl::StrFormat("%s: the row makes the message too large; at most %d MB and %d values and texts between them",
                          file, Template::kMaxRenderedBytes >> 20, Template::kMaxFragments));
    }
    if (too_deep_) {
      return absl::ResourceExhaustedError(absl::StrFormat(
          "%s: the sections and partials go too deeply into each other; at most %d", file, Template::kMaxDepth));
    }
    return absl::OkStatus();
  }

  // Requires: the walk stopped, and for no limit.
  std::string Missing() const {
    CHECK(missing_ != nullptr);
    return absl::StrFormat("the field \"%s\" (%s:%d) is %s", template_.View(missing_->whole),
                           template_.files_[missing_->file], missing_->line, missing_why_);
  }

 private:
  static bool Stop(bool* why) {
    *why = true;
    return false;
  }

  bool Add(Template::Fragment fragment) {
    bytes_ += fragment.bytes.size();
    if (bytes_ > Template::kMaxRenderedBytes || ++fragments_ > Template::kMaxFragments) return Stop(&too_large_);
    if (out_ != nullptr) out_->push_back(fragment);
    return true;
  }

  bool Field(const Template::Node& node) {
    ++fields_;
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
    if (text->empty()) return true;
    return Add({*text, Template::Fragment::kValue, node.escape});
  }

  bool Section(std::uint32_t index, const Template::Node& node) {
    const Value* value = Resolve(template_.names_[node.index]);
    if (!IsTrue(value)) return true;
    if (depth_ == Template::kMaxDepth) return Stop(&too_deep_);
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

  bool Partial(const Template::Program& program) {
    if (program.too_deep || partial_depth_ == Template::kMaxDepth) return Stop(&too_deep_);
    ++partial_depth_;
    const bool going = Walk(program.begin, program.end);
    --partial_depth_;
    return going;
  }

  // Nullptr: absent. The first part is looked for from the innermost section outwards, the others only within what was
  // found.
  const Value* Resolve(const Template::Name& name) {
    if (name.part_count == 0) {
      if (depth_ > 0) return stack_[depth_ - 1];
      return scope_.size() == 1 ? &scope_[0] : nullptr;
    }
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
  std::size_t partial_depth_ = 0;
  std::size_t steps_ = 0;
  std::size_t bytes_ = 0;
  std::size_t fragments_ = 0;
  std::size_t fields_ = 0;
  bool too_large_ = false;
  bool too_deep_ = false;
  const Template::Name* missing_ = nullptr;
  const char* missing_why_ = "";
};

absl::StatusOr<Template> Template::Compile(std::string_view text, std::string_view file, std::uint32_t first_line,
                                           Escape escape, absl::Span<const Partial> partials) {
  Template result;
  if (absl::Status status = TemplateCompiler(result, escape, partials).Compile(text, file, first_line); !status.ok()) {
    return status;
  }
  return result;
}

absl::StatusOr<Template> Template::CompileText(const TemplateText& text, Escape escape,
                                               absl::Span<const Partial> partials) {
  absl::StatusOr<Template> compiled = Compile(text.text, text.file, text.line, escape, partials);
  if (!compiled.ok()) return compiled;
  if (!compiled->unknown_partials_.empty()) {
    const UnknownPartial& first = compiled->unknown_partials_.front();
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:%d: there is no partial \"%s\"; name it in [message.partials] or [message.partial_files]",
                        first.file, first.line, first.name));
  }
  TemplateWalk walk(*compiled, {}, /*strict=*/false, nullptr);
  if (!walk.WalkAll()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s:%d: the partials call each other without end, or too often", text.file, text.line));
  }
  if (walk.fields() <= kMaxFragments - walk.fragments()) {
    compiled->longest_safe_value_ = (kMaxRenderedBytes - walk.bytes()) / std::max<std::size_t>(walk.fields(), 1);
  }
  return compiled;
}

absl::Status Template::Execute(absl::Span<const Value> scope, OnMissing on_missing, std::vector<Fragment>& out) const {
  out.clear();
  TemplateWalk walk(*this, scope, on_missing == OnMissing::kInvalid, &out);
  if (walk.WalkAll()) return absl::OkStatus();
  if (absl::Status limit = walk.Limit(); !limit.ok()) return limit;
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

absl::Status Template::Refusal(absl::Span<const Value> scope, OnMissing on_missing) const {
  TemplateWalk walk(*this, scope, on_missing == OnMissing::kInvalid, nullptr);
  if (walk.WalkAll()) return absl::OkStatus();
  if (absl::Status limit = walk.Limit(); !limit.ok()) return limit;
  return absl::NotFoundError(walk.Missing());
}

std::vector<FieldUse> Template::Fields() const {
  std::vector<FieldUse> uses;
  for (const Name& name : names_) {
    std::string joined(name.part_count == 0 ? "." : "");
    for (std::uint32_t i = 0; i < name.part_count; ++i) {
      if (i > 0) joined.push_back('.');
      joined.append(View(parts_[name.first_part + i]));
    }
    uses.push_back({std::move(joined), files_[name.file], name.line, name.is_section, name.in_section});
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
