#include <string>
#include <utility>

#include "engine/campaign/campaign.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/loader_fixture.h"

namespace campaign {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kBasic;
using testing::LoaderTest;
using ::testing::Pair;

TEST_F(LoaderTest, RetriesAreReadInBothForms) {
  const Campaign toml = Good(std::string(kBasic) +
                             "[delivery.retry]\nintervals = [\"5m\", \"1 hour\"]\n"
                             "[delivery.retry.class.QuotaIssues]\nretry_interval = \"6h\"\n"
                             "max_retry_interval = \"12h\"\n");
  EXPECT_THAT(toml.delivery.retry.all, ElementsAre(base::Duration::Minutes(5), base::Duration::Hours(1)));
  EXPECT_THAT(toml.delivery.retry.by_class,
              ElementsAre(Pair("QuotaIssues", ElementsAre(base::Duration::Hours(6), base::Duration::Hours(12)))));
  const Campaign json = Good(
      R"({"format": 1, "id": "x", "kind": "transactional", "from": {"address": "a@b.example"},
      "message": {"subject": "s", "text": "t"}, "recipients": {"file": "r.csv"}, "delivery": {"dkim": "optional",
      "retry": {"intervals": ["5m", "1 hour"],
                "class": {"QuotaIssues": {"retry_interval": "6h", "max_retry_interval": "12h"}}}}})",
      "c.json");
  EXPECT_EQ(json.delivery.retry, toml.delivery.retry);
  EXPECT_EQ(Good(kBasic).delivery.retry, base::RetryIntervals());
}

TEST_F(LoaderTest, WrongRetriesAreMistakes) {
  for (const auto& [text, problem] :
       {std::pair("intervals = []", "c.toml:14: delivery.retry.intervals: is empty"),
        std::pair("intervals = [5]", "c.toml:14: delivery.retry.intervals: is wrong"),
        std::pair("intervals = [\"0s\"]", "c.toml:14: delivery.retry.intervals: has \"0s\"; it must be from"),
        std::pair("intervals = [\"5m\"]\nretry_interval = \"5m\"", "use one of the two forms"),
        std::pair("retry_interval = \"5m\"\nmax_retry_interval = \"1m\"", "is shorter than retry_interval"),
        std::pair("[delivery.retry.class.QuotaIssues]\nevery = \"5m\"",
                  "c.toml:15: delivery.retry.class.QuotaIssues.every: unknown key")})
    EXPECT_THAT(Problem(std::string(kBasic) + "[delivery.retry]\n" + text + "\n"), HasSubstr(problem)) << text;
}

}  // namespace
}  // namespace campaign
