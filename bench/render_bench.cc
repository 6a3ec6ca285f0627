// What rendering a message costs: 10 KB of text that names its reader in each kilobyte, as `sluice bench` sends it.
// Time is CPU time per message; the argument is the size of the text in octets.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/message/renderer.h"

namespace {

constexpr std::size_t kRows = 256;

message::MessageSpec SpecOf(std::size_t size) {
  message::MessageSpec spec;
  spec.campaign_id = "bench";
  spec.kind = message::MailKind::kTransactional;
  spec.from_address = "news@example.com";
  spec.envelope_sender.text = "bounce+{{token}}@bounces.example.com";
  spec.subject.text = "Hello {{first_name}}";
  message::TemplateText text;
  while (text.text.size() < size) {
    text.text += "Dear {{first_name}}, this is for you, and some more of it follows here.\n";
    for (int line = 0; line < 14; ++line)
      text.text += "These are the news of today, in a line as long as lines in letters are.\n";
  }
  spec.text = text;
  return spec;
}

void RenderMessage(benchmark::State& state) {
  const auto compiled = message::MessageTemplate::Compile(SpecOf(static_cast<std::size_t>(state.range(0))));
  if (!compiled.ok()) return state.SkipWithError("the template is wrong");
  std::vector<std::string> names, addresses, tokens;
  for (std::size_t i = 0; i < kRows; ++i) {
    names.push_back(absl::StrCat("Person ", i * 7919));
    addresses.push_back(absl::StrCat("user", i * 7919, "@d0.bench.example"));
    tokens.push_back(absl::StrCat("v1", 100'000'000'000 + i, "abcdefghijklmnopqr"));
  }
  message::Rendered rendered;
  std::size_t next = 0;
  for (auto _ : state) {
    next = (next + 1) % kRows;
    const message::Member members[] = {{"first_name", message::Value::Text(names[next])}};
    message::Value row;
    row.kind = message::Value::Kind::kObject;
    row.members = members;
    message::RenderInput input;
    input.row = &row;
    input.row_number = next + 1;
    input.address = addresses[next];
    input.token = tokens[next];
    input.date = base::WallTime::FromSeconds(1'795'510'800);
    if (absl::Status status = (*compiled)->Render(input, rendered); !status.ok())
      return state.SkipWithError("the message cannot be rendered");
    benchmark::DoNotOptimize(&rendered);
  }
}
BENCHMARK(RenderMessage)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
