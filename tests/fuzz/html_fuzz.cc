// Module: message
// Any bytes as HTML and as text: what is found of tags lies within, and whether a link to unsubscribe is there is told.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/message/html_tags.h"
#include "engine/message/unsubscribe_link.h"

namespace {

bool LiesWithin(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const message::HtmlTag& tag : message::HtmlTags(text, 1)) {
    CHECK(!tag.name.empty() && LiesWithin(tag.name, text) && LiesWithin(tag.attributes, text));
    const std::string_view href = tag.Get("href").value_or("");
    CHECK(href.empty() || LiesWithin(href, text));
  }
  constexpr char kUri[] = "https://example.com/u?a=1&b=2";
  if (message::HtmlShowsUnsubscribe(text, "")) CHECK(message::HtmlShowsUnsubscribe(text, kUri));
  if (message::TextShowsUnsubscribe(text, "")) CHECK(message::TextShowsUnsubscribe(text, kUri));
  CHECK(message::TextShowsUnsubscribe(std::string(text) + "\nunsubscribe: https://example.com/x", ""));
  CHECK(message::HtmlShowsUnsubscribe("<a href=\"https://example.com/u?a=1&amp;b=2\">" + std::string(text), kUri));
  return 0;
}
