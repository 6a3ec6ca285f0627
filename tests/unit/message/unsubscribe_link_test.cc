#include "engine/message/unsubscribe_link.h"

#include <gtest/gtest.h>

namespace message {
namespace {

constexpr char kUri[] = "https://example.com/u?t=a&u=1";

TEST(UnsubscribeLink, InHtmlIsALinkThatSaysSoOrLeadsThere) {
  for (const char* html : {"<p>x <a href=\"https://example.com/Unsubscribe/1\">No more</a></p>",
                           "<A class=x HREF='https://example.com/x'><b>UNSUBSCRIBE</b> here</A>",
                           "<a href=\"https://example.com/x\"><img src=y alt=\"unsubscribe\"></a>",
                           "<a href=\"https://example.com/u?t=a&amp;u=1\">No more</a>",
                           "<a href=\" https://example.com/u?t&#61;a&#x26;u=1&x=&y;\">No more</a>",
                           "<a href=\"mailto:unsubscribe@example.com\">No more</a>"})
    EXPECT_TRUE(HtmlShowsUnsubscribe(html, kUri)) << html;
}

TEST(UnsubscribeLink, InHtmlIsNothingElse) {
  for (const char* html : {"", "<p>unsubscribe</p><a href=\"https://example.com/x\">Read on</a>",
                           "<!-- <a href=\"https://example.com/u?t=a&amp;u=1\">Unsubscribe</a> -->",
                           "<a href=\"https://example.com/x\">Read on</a> unsubscribe", "<a name=\"unsubscribe\">x</a>",
                           "<a href=\"https://example.com/u?t=b&amp;u=1\">x</a>",
                           "<img src=\"https://example.com/u?t=a&amp;u=1\">", "<a href=\"&;&#99999;&#;&#x;\">x</a>"})
    EXPECT_FALSE(HtmlShowsUnsubscribe(html, kUri)) << html;
  EXPECT_FALSE(HtmlShowsUnsubscribe("<a href=\"https://example.com/\">x</a>", ""));
}

TEST(UnsubscribeLink, InTextIsAnAddressNearTheWord) {
  for (const char* text : {"x\r\nNo more: https://example.com/u?t=a&u=1\r\n", "Read http://example.com/unsubscribe/7",
                           "To unsubscribe:\r\n\r\nhttps://example.com/x\r\n", "Unsubscribe <https://example.com/x>",
                           "Unsubscribe:\nmailto:off@example.com"})
    EXPECT_TRUE(TextShowsUnsubscribe(text, kUri)) << text;
  for (const char* text : {"", "unsubscribe", "https://example.com/x", "unsubscribe\nor not\nhttps://example.com/x",
                           "https://example.com/x\nunsubscribe"})
    EXPECT_FALSE(TextShowsUnsubscribe(text, kUri)) << text;
  EXPECT_FALSE(TextShowsUnsubscribe("x", ""));
}

}  // namespace
}  // namespace message
