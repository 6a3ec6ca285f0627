#include "engine/report/formats.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace report {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kReport[] = R"({"format":1,"campaign":"weekly","name":"A <b> & \"c\"","state":"finished",
"totals":{"rows":3,"delivered":2},"pending":{"held":0},"paused":[],"suspended":[],"attempts":{"total":3},
"started_at":"2026-01-01T00:00:00Z","finished_at":null,"elapsed_s":1.5,"messages_per_s":2.0,
"providers":[{"provider":"big, or \"small\"","delivered":2}],"sites":[],"sources":[{"source":"ip-1","delivered":2}],
"bounces":[{"class":"InvalidRecipient","count":1}],
"responses":[{"template":"no <script>","code":550,"example":"550 no\nsuch"}]})";

TEST(ReportCsv, IsALineForEachMeasure) {
  const std::string csv = ReportCsv(kReport);
  EXPECT_THAT(csv, testing::StartsWith("section,name,measure,value\r\n"));
  for (const char* line :
       {"campaign,weekly,name,\"A <b> & \"\"c\"\"\"\r\n", "campaign,weekly,finished_at,\r\n",
        "campaign,weekly,elapsed_s,1.5\r\n", "totals,,delivered,2\r\n", "attempts,,total,3\r\n",
        "provider,\"big, or \"\"small\"\"\",delivered,2\r\n", "source,ip-1,delivered,2\r\n",
        "bounce,InvalidRecipient,count,1\r\n", "response,no <script>,example,\"550 no\nsuch\"\r\n"}) {
    EXPECT_THAT(csv, HasSubstr(line));
  }
}

TEST(ReportHtml, EscapesWhatReceiversSay) {
  const std::string html = ReportHtml(kReport);
  EXPECT_THAT(html, HasSubstr("<title>A &lt;b&gt; &amp; &quot;c&quot;</title>"));
  EXPECT_THAT(html, HasSubstr("<td>no &lt;script&gt;</td>"));
  EXPECT_THAT(html, Not(HasSubstr("<script>")));
  EXPECT_THAT(html, HasSubstr("<th>delivered</th>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"n\">550</td>"));
  EXPECT_THAT(html, Not(HasSubstr("<h2>Paused</h2>")));
}

}  // namespace
}  // namespace report
