// Module: message
// Compiles arbitrary template text. What compiles must render, the same in both ways, and its check must agree with its
// rendering.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/message/template.h"

using message::Member;
using message::OnMissing;
using message::Template;
using message::Value;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  // It may call itself, indented or not.
  const std::vector<message::Partial> partials = {{"p", {std::string(source), "f", 1}},
                                                  {"q", {"{{c}}\n{{#a}}\n  {{>p}}\n{{/a}}\n", "f", 1}}};
  const absl::StatusOr<Template> compiled = Template::Compile(source, "f", 1, message::Escape::kHtml, partials);
  if (!compiled.ok()) {
    const std::string_view error(compiled.status().message().data(), compiled.status().message().size());
    CHECK(error.substr(0, 2) == "f:" && error.find('\n') == std::string_view::npos);
    return 0;
  }
  const std::vector<Value> items = {Value::Text("1"), Value::Text("<2>")};
  const std::vector<Member> inner = {{"b", Value::Text("&")}, {"a", {Value::Kind::kList, {}, items, {}}}};
  const std::vector<Member> members = {{"a", {Value::Kind::kObject, {}, {}, inner}},
                                       {"b", {Value::Kind::kList, {}, items, {}}},
                                       {"c", Value::Text("text")},
                                       {"d", {Value::Kind::kFalse, {}, {}, {}}}};
  const Value row{Value::Kind::kObject, {}, {}, members};
  const auto scope = absl::MakeConstSpan(&row, 1);
  std::string lenient;
  const absl::Status status = compiled->Render(scope, OnMissing::kEmpty, lenient);
  CHECK(status.ok() || absl::IsResourceExhausted(status));
  if (!status.ok()) return 0;
  std::string strict;
  const bool strict_ok = compiled->Render(scope, OnMissing::kInvalid, strict).ok();
  CHECK(strict_ok == compiled->Refusal(scope, message::OnMissing::kInvalid).ok());
  CHECK(!strict_ok || strict == lenient);
  for (const message::FieldUse& field : compiled->Fields()) CHECK(!field.name.empty() && field.line >= 1);
  return 0;
}
