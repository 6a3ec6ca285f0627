// Rendering allocates nothing once its memory has grown: counted by the program's own operator new.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "engine/message/renderer.h"
#include "gtest/gtest.h"
#include "tests/unit/message/render_probe.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* Allocate(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace message {
namespace {

using testing::BasicSpec;
using testing::Renderer;
using testing::Source;

TEST(SteadyState, ARenderingAllocatesNothing) {
  MessageSpec spec = BasicSpec();
  spec.reply_to_address = Source("editor+{{token}}@example.com");
  spec.reply_to_name = Source("The \"Editor\" of {{name}}");
  spec.headers = {{"X-Edition", Source("48 for {{name}} and {{sluice.email_url}}")}};
  spec.list_id = "weekly.example.com";
  spec.unsubscribe_url = Source("https://example.com/u/{{token}}");
  spec.unsubscribe_mailto = Source("unsubscribe+{{token}}@example.com");
  spec.html->text += "{{#items}}<li>{{.}}{{/items}}{{^none}}{{name}}{{/none}}" + std::string(2000, 'x') + "\n";
  spec.partials = {{"card", {"{{name}}\n{{#items}}{{.}}{{/items}}\n", "card.html", 1}}};
  spec.html->text += "  {{> card}}\n";
  spec.inlines = {{"logo.png", "logo", std::string(5000, 'x')}};
  spec.attachments = {{"menu.pdf", "", std::string(5000, 'y')}};
  Renderer renderer(spec);
  const std::vector<Value> items = {Value::Text("one"), Value::Text("tw\xC3\xB6"), Value::Text("<three>\n")};
  const std::vector<std::string> names = {"Zoe", "Zo\xC3\xAB \"Zo\", of \xF0\x9F\x98\x80",
                                          "A quite long name, such as some people have, with \"quotes\""};
  const auto render_all = [&] {
    for (const std::string& name : names) {
      const Member members[] = {{"name", Value::Text(name)}, {"items", {Value::Kind::kList, {}, items, {}}}};
      const Value row{Value::Kind::kObject, {}, {}, members};
      renderer.input.row = &row;
      ASSERT_TRUE(renderer.compiled().Render(renderer.input, renderer.rendered).ok());
    }
  };
  render_all();
  const std::uint64_t before = allocations;
  ASSERT_GT(before, 0U);
  for (int i = 0; i < 100; ++i) render_all();
  EXPECT_EQ(allocations - before, 0U);
}

}  // namespace
}  // namespace message
