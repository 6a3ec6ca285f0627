// Whether whoever reads a message sees how to unsubscribe: what Gmail wants of marketing mail. For lints.
#pragma once

#include <string_view>

namespace message {

// A link whose target or text says "unsubscribe", or whose target begins with `uri`. `html` is decoded.
bool HtmlShowsUnsubscribe(std::string_view html, std::string_view uri);

// `uri` itself; or any other address that says "unsubscribe", or that stands in a line that does or in the next one.
bool TextShowsUnsubscribe(std::string_view text, std::string_view uri);

}  // namespace message
