#include <string>
#include <string_view>

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
using ::testing::StartsWith;

constexpr std::string_view kFullToml = R"(format = 1
min_sluice = "0.1"
id = "weekly-48"
name = "Week 48"
kind = "marketing"
[from]
address = "News@Bücher.Example"
name = "Example News"
[reply_to]
address = "reply+{{token}}@example.com"
name = "Help"
[to]
name = "{{name}}"
[envelope]
sender = "bounce+{{token}}@bounces.example.com"
[message]
subject = "Hello {{name}}"
html = "<p>Hello {{name}}</p>"
text_file = "body.txt"
date = "send"
on_missing = "empty"
[message.headers]
X-Campaign = "{{sluice.campaign}}"
[message.partials]
footer = "{{team}}"
[list]
id = "weekly.example.com"
unsubscribe_url = "https://example.com/u/{{token}}"
unsubscribe_mailto = "u+{{token}}@example.com"
feedback_id = "weekly:example"
[recipients]
file = "rows.csv.gz"
address = "mail"
key = "customer"
meta = ["country", "segment"]
suppress = ["stop.txt", "/var/lib/stop.txt"]
duplicates = "exact"
on_invalid = "stop"
max_invalid = "2.5%"
expect = 1000
[recipients.defaults]
name = "reader"
[delivery]
start = 2026-11-24T09:00:00+01:00
pool = "main"
finish_by = 2026-11-25T09:00:00+01:00
max_age = "24h"
max_message_rate = "200_000/h"
in_doubt = "resend"
tls = "required"
dkim = "optional"
[meta]
team = "editors"
)";

constexpr std::string_view kFullJson = R"({
"format": 1, "min_sluice": "0.1", "id": "weekly-48", "name": "Week 48", "kind": "marketing",
"from": {"address": "News@Bücher.Example", "name": "Example News"},
"reply_to": {"address": "reply+{{token}}@example.com", "name": "Help"},
"to": {"name": "{{name}}"},
"envelope": {"sender": "bounce+{{token}}@bounces.example.com"},
"message": {"subject": "Hello {{name}}", "html": "<p>Hello {{name}}</p>", "text_file": "body.txt",
  "date": "send", "on_missing": "empty", "headers": {"X-Campaign": "{{sluice.campaign}}"},
  "partials": {"footer": "{{team}}"}},
"list": {"id": "weekly.example.com", "unsubscribe_url": "https://example.com/u/{{token}}",
  "unsubscribe_mailto": "u+{{token}}@example.com", "feedback_id": "weekly:example"},
"recipients": {"file": "rows.csv.gz", "address": "mail", "key": "customer", "meta": ["country", "segment"],
  "suppress": ["stop.txt", "/var/lib/stop.txt"], "duplicates": "exact", "on_invalid": "stop",
  "max_invalid": "2.5%", "expect": 1000, "defaults": {"name": "reader"}},
"delivery": {"start": "2026-11-24T09:00:00+01:00", "pool": "main", "finish_by": "2026-11-25T09:00:00+01:00", "max_age": "24h", "max_message_rate": "200_000/h", "in_doubt": "resend",
  "tls": "required", "dkim": "optional"},
"meta": {"team": "editors"}
})";

TEST_F(LoaderTest, WhatIsNotSaidHasItsDefault) {
  const Campaign campaign = Good(kBasic);
  EXPECT_EQ(campaign.id, "weekly-48");
  EXPECT_EQ(campaign.recipients.address, "email");
  EXPECT_EQ(campaign.recipients.key, "");
  EXPECT_EQ(campaign.recipients.duplicates, Duplicates::kFold);
  EXPECT_EQ(campaign.recipients.on_invalid, OnInvalid::kSkip);
  EXPECT_FALSE(campaign.recipients.max_invalid.count.has_value());
  EXPECT_EQ(campaign.recipients.max_invalid.share, 1.0);
  EXPECT_FALSE(campaign.recipients.expect.has_value());
  EXPECT_EQ(campaign.message.date, DateMode::kStart);
  EXPECT_EQ(campaign.message.on_missing, OnMissing::kInvalid);
  EXPECT_FALSE(campaign.message.html.has_value());
  EXPECT_EQ(campaign.delivery.max_age, base::Duration::Hours(72));
  EXPECT_FALSE(campaign.delivery.max_message_rate.has_value());
  EXPECT_EQ(campaign.delivery.in_doubt, InDoubt::kHold);
  EXPECT_EQ(campaign.delivery.tls, Tls::kOpportunistic);
  EXPECT_FALSE(campaign.delivery.start.has_value());
  EXPECT_FALSE(campaign.delivery.finish_by.has_value());
  EXPECT_EQ(campaign.delivery.pool, "");
}

TEST_F(LoaderTest, EveryKeyIsRead) {
  folder.Write("body.txt", "Hello {{name}},\n");
  const Campaign campaign = Good(kFullToml);
  EXPECT_EQ(campaign.name, "Week 48");
  EXPECT_EQ(campaign.kind, Kind::kMarketing);
  EXPECT_EQ(campaign.from_address, "News@xn--bcher-kva.example");
  EXPECT_EQ(campaign.from_name.text, "Example News");
  EXPECT_EQ(campaign.reply_to_address.text, "reply+{{token}}@example.com");
  EXPECT_EQ(campaign.reply_to_name.text, "Help");
  EXPECT_EQ(campaign.to_name.text, "{{name}}");
  EXPECT_EQ(campaign.envelope_sender.text, "bounce+{{token}}@bounces.example.com");
  EXPECT_EQ(campaign.message.html->text, "<p>Hello {{name}}</p>");
  EXPECT_EQ(campaign.message.text->text, "Hello {{name}},\n");
  EXPECT_EQ(campaign.message.date, DateMode::kSend);
  EXPECT_EQ(campaign.message.on_missing, OnMissing::kEmpty);
  ASSERT_EQ(campaign.message.headers.size(), 1U);
  EXPECT_EQ(campaign.message.headers[0].first, "X-Campaign");
  EXPECT_EQ(campaign.list.id, "weekly.example.com");
  EXPECT_EQ(campaign.list.unsubscribe_url.text, "https://example.com/u/{{token}}");
  EXPECT_EQ(campaign.list.unsubscribe_mailto.text, "u+{{token}}@example.com");
  EXPECT_EQ(campaign.list.feedback_id.text, "weekly:example");
  EXPECT_THAT(campaign.meta, ElementsAre(Pair("team", "editors")));
}

TEST_F(LoaderTest, RecipientsAndDeliveryAreRead) {
  folder.Write("body.txt", "Hello\n");
  const Campaign campaign = Good(kFullToml);
  EXPECT_EQ(campaign.recipients.file, folder.Path("rows.csv.gz"));
  EXPECT_EQ(campaign.recipients.address, "mail");
  EXPECT_EQ(campaign.recipients.key, "customer");
  EXPECT_THAT(campaign.recipients.meta, ElementsAre("country", "segment"));
  EXPECT_THAT(campaign.recipients.suppress, ElementsAre(folder.Path("stop.txt"), "/var/lib/stop.txt"));
  EXPECT_EQ(campaign.recipients.duplicates, Duplicates::kExact);
  EXPECT_EQ(campaign.recipients.on_invalid, OnInvalid::kStop);
  EXPECT_DOUBLE_EQ(campaign.recipients.max_invalid.share, 0.025);
  EXPECT_EQ(campaign.recipients.expect, 1000U);
  EXPECT_THAT(campaign.recipients.defaults, ElementsAre(Pair("name", "reader")));
  EXPECT_EQ(campaign.delivery.start, base::WallTime::FromSeconds(1'795'507'200));
  EXPECT_EQ(campaign.delivery.finish_by, base::WallTime::FromSeconds(1'795'593'600));
  EXPECT_EQ(campaign.delivery.pool, "main");
  EXPECT_EQ(campaign.delivery.max_age, base::Duration::Hours(24));
  EXPECT_EQ(campaign.delivery.max_message_rate, (base::Rate{200'000, base::Duration::Hours(1), std::nullopt}));
  EXPECT_EQ(campaign.delivery.in_doubt, InDoubt::kResend);
  EXPECT_EQ(campaign.delivery.tls, Tls::kRequired);
}

TEST_F(LoaderTest, TextsKnowTheFileAndLineTheyStandOn) {
  folder.Write("body.txt", "Hello\n");
  const Campaign campaign = Good(kFullToml);
  EXPECT_EQ(campaign.message.subject.file, folder.Path("c.toml"));
  EXPECT_EQ(campaign.message.subject.line, 17U);
  EXPECT_EQ(campaign.message.headers[0].second.line, 23U);
  EXPECT_EQ(campaign.message.text->file, folder.Path("body.txt"));
  EXPECT_EQ(campaign.message.text->line, 1U);
}

TEST_F(LoaderTest, TomlAndJsonGiveTheSameCampaign) {
  folder.Write("body.txt", "Hello {{name}},\n");
  const Campaign toml = Good(kFullToml), json = Good(kFullJson, "c.json");
  EXPECT_EQ(FrozenDigest(toml), FrozenDigest(json));
  EXPECT_EQ(toml.name, json.name);
  EXPECT_EQ(toml.recipients.file, json.recipients.file);
  EXPECT_EQ(toml.recipients.suppress, json.recipients.suppress);
  EXPECT_EQ(toml.recipients.max_invalid.share, json.recipients.max_invalid.share);
  EXPECT_EQ(toml.recipients.on_invalid, json.recipients.on_invalid);
  EXPECT_EQ(toml.recipients.expect, json.recipients.expect);
  EXPECT_EQ(toml.delivery.start, json.delivery.start);
  EXPECT_EQ(toml.delivery.finish_by, json.delivery.finish_by);
  EXPECT_EQ(toml.delivery.pool, json.delivery.pool);
  EXPECT_EQ(json.message.partials.size(), 1U);
  EXPECT_EQ(toml.delivery.max_age, json.delivery.max_age);
  EXPECT_EQ(toml.delivery.max_message_rate, json.delivery.max_message_rate);
  EXPECT_EQ(toml.delivery.in_doubt, json.delivery.in_doubt);
  EXPECT_EQ(toml.delivery.tls, json.delivery.tls);
  EXPECT_EQ(toml.meta, json.meta);
}

TEST_F(LoaderTest, SigningIsRequiredUnlessItIsOptional) {
  EXPECT_FALSE(Good(kBasic).delivery.dkim_required);
  EXPECT_TRUE(Good(With("dkim = \"optional\"", "")).delivery.dkim_required);
  EXPECT_TRUE(Good(With("dkim = \"optional\"", "dkim = \"required\"")).delivery.dkim_required);
  EXPECT_THAT(Problem(With("dkim = \"optional\"", "dkim = \"never\"")), HasSubstr("required"));
}

TEST_F(LoaderTest, AnUnknownKeyNamesTheNearest) {
  EXPECT_EQ(Problem(With("subject = ", "subjekt = \"x\"\nsubject = ")),
            "c.toml:7: message.subjekt: unknown key; did you mean \"subject\"?");
  EXPECT_EQ(Problem(With("[recipients]", "[recipients]\nsupress = []")),
            "c.toml:10: recipients.supress: unknown key; did you mean \"suppress\"?");
  EXPECT_EQ(Problem(With("[delivery]", "[delivery]\nwhatsoever = 1")), "c.toml:12: delivery.whatsoever: unknown key");
  EXPECT_THAT(Problem(std::string(kBasic) + "[receipients]\nfile = \"x.csv\"\n"),
              HasSubstr("receipients: unknown key; did you mean \"recipients\"?"));
  EXPECT_EQ(
      Problem(R"({"format": 1, "id": "x", "kind": "transactional", "from": {"address": "a@b.example", "nmae": "x"},
      "message": {"subject": "s", "text": "t"}, "recipients": {"file": "r.csv"}, "delivery": {"dkim": "optional"}})",
              "c.json"),
      "c.json: from.nmae: unknown key; did you mean \"name\"?");
}

TEST_F(LoaderTest, ARateOfTheCampaignLetsSomethingPass) {
  EXPECT_THAT(Problem(With("[delivery]", "[delivery]\nmax_message_rate = \"100 a second\"")),
              StartsWith("c.toml:12: delivery.max_message_rate: \"100 a second\" is not a rate"));
  EXPECT_THAT(Problem(With("[delivery]", "[delivery]\nmax_message_rate = \"0/s\"")),
              StartsWith("c.toml:12: delivery.max_message_rate: nothing would ever be sent"));
}

TEST_F(LoaderTest, TlsCanOnlyBeTightened) {
  EXPECT_THAT(Problem(With("[delivery]", "[delivery]\ntls = \"never\"")), StartsWith("c.toml:12: delivery.tls: "));
}

TEST_F(LoaderTest, ABudgetIsANumberAShareOrOff) {
  const Budget defaults = Good(kBasic).delivery.budget;
  EXPECT_EQ(defaults.auth.count, 5u);
  EXPECT_EQ(defaults.blocked.count, 20u);
  EXPECT_EQ(defaults.content.count, 5u);
  EXPECT_EQ(defaults.bounce.share, 0.08);
  const Budget budget =
      Good(std::string(kBasic) + "[delivery.budget]\nauth = 1\nblocked = \"off\"\nbounce = \"12.5%\"\n")
          .delivery.budget;
  EXPECT_EQ(budget.auth.count, 1u);
  EXPECT_FALSE(budget.blocked.count.has_value() || budget.blocked.share.has_value());
  EXPECT_EQ(budget.content.count, 5u);
  EXPECT_EQ(budget.bounce.share, 0.125);
  for (const char* wrong : {"auth = 0", "auth = \"many\"", "bounce = \"101%\"", "bounce = 1.5", "other = 1"}) {
    EXPECT_THAT(Problem(std::string(kBasic) + "[delivery.budget]\n" + wrong + "\n"),
                HasSubstr("c.toml:14: delivery.budget."))
        << wrong;
  }
}

TEST_F(LoaderTest, AWrongTypeIsNamedWithItsLine) {
  EXPECT_EQ(Problem(With("id = \"weekly-48\"", "id = 48")), "c.toml:2: id: a text belongs here");
  EXPECT_EQ(Problem(With("subject = \"Hello\"", "subject = [\"Hello\"]")),
            "c.toml:7: message.subject: a text belongs here\nc.toml:6: message.subject: missing");
  EXPECT_EQ(Problem(With("[recipients]", "[recipients]\nmeta = \"country\"")),
            "c.toml:10: recipients.meta: a list belongs here");
  EXPECT_EQ(Problem(With("[recipients]", "[recipients]\nmeta = [\"a\",\n  2]")),
            "c.toml:11: recipients.meta: a list of texts belongs here");
  EXPECT_EQ(Problem(With("[recipients]", "[recipients]\nexpect = \"many\"")),
            "c.toml:10: recipients.expect: a whole number belongs here");
  EXPECT_EQ(Problem(With("[recipients]", "[recipients]\ndefaults = 5")),
            "c.toml:10: recipients.defaults: a table belongs here");
  EXPECT_EQ(Problem(std::string(kBasic) + "[meta]\nteam = 5\n"), "c.toml:14: meta.team: a text belongs here");
}

TEST_F(LoaderTest, AWordThatIsNoneOfTheChoiceNamesThem) {
  EXPECT_EQ(Problem(With("[recipients]", "[recipients]\nduplicates = \"drop\"")),
            "c.toml:10: recipients.duplicates: \"drop\" is not known; write \"fold\" or \"exact\" or \"allow\"");
  EXPECT_THAT(Problem(With("\"transactional\"", "\"newsletter\"")), HasSubstr("c.toml:3: kind: \"newsletter\""));
}

TEST_F(LoaderTest, AllMistakesAreSaidAtOnce) {
  const std::string problem = Problem("format = 2\nid = \"a/b\"\n[from]\naddress = \"nobody\"\n");
  EXPECT_THAT(problem, HasSubstr("c.toml:1: format: 2 is not known"));
  EXPECT_THAT(problem, HasSubstr("c.toml:2: id: \"a/b\" is not an id"));
  EXPECT_THAT(problem, HasSubstr("c.toml:4: from.address: \"nobody\": no @"));
  EXPECT_THAT(problem, HasSubstr("c.toml:1: message: missing"));
  EXPECT_THAT(problem, HasSubstr("c.toml:1: recipients: missing"));
}

TEST_F(LoaderTest, WhatMustBeThereIsAskedFor) {
  EXPECT_THAT(Problem(With("format = 1\n", "")), HasSubstr("format: missing; write format = 1"));
  EXPECT_THAT(Problem(With("id = \"weekly-48\"\n", "")), HasSubstr("id: missing"));
  EXPECT_THAT(Problem(With("address = \"news@example.com\"\n", "")), StartsWith("c.toml:4: from.address: missing"));
  EXPECT_THAT(Problem(With("subject = \"Hello\"\n", "")), StartsWith("c.toml:6: message.subject: missing"));
  EXPECT_THAT(Problem(With("text = \"Hello.\\n\"\n", "")),
              HasSubstr("write text, text_file, html, html_file, eml or eml_file"));
  EXPECT_THAT(Problem(With("file = \"rows.csv\"\n", "")), StartsWith("c.toml:9: recipients.file: missing"));
}

TEST_F(LoaderTest, MarketingNeedsAListToLeave) {
  EXPECT_THAT(Problem(With("kind = \"transactional\"\n", "")), HasSubstr("needs list.id and list.unsubscribe_url"));
  const std::string with_id = With("kind = \"transactional\"\n", "") + "[list]\nid = \"w.example.com\"\n";
  EXPECT_THAT(Problem(with_id), HasSubstr("c.toml:12: list: a marketing campaign needs"));
  EXPECT_EQ(Good(with_id + "unsubscribe_url = \"https://example.com/{{token}}\"\n").kind, Kind::kMarketing);
  EXPECT_THAT(Problem(std::string(kBasic) + "[list]\nid = \"<w.example.com>\"\n"), StartsWith("c.toml:14: list.id: "));
}

TEST_F(LoaderTest, APartComesFromOnePlace) {
  folder.Write("body.txt", "Hello\n");
  EXPECT_EQ(Problem(With("[recipients]", "text_file = \"body.txt\"\n[recipients]")),
            "c.toml:9: message.text_file: there is message.text too; write one of them");
  EXPECT_EQ(Problem(With("[recipients]", "html_file = \"missing.html\"\n[recipients]")),
            "c.toml:9: message.html_file: missing.html: No such file or directory");
  folder.Write("latin.html", "Zo\xEB");
  EXPECT_EQ(Problem(With("[recipients]", "html_file = \"latin.html\"\n[recipients]")),
            "c.toml:9: message.html_file: latin.html is not UTF-8");
}

TEST_F(LoaderTest, LimitsAreRowsOrAShare) {
  const auto limit = [this](const std::string& value) {
    return Good(With("[recipients]", "[recipients]\nmax_invalid = " + value)).recipients.max_invalid;
  };
  EXPECT_EQ(limit("0").count, 0U);
  EXPECT_EQ(limit("25").count, 25U);
  EXPECT_DOUBLE_EQ(limit("\"5%\"").share, 0.05);
  EXPECT_EQ(limit("\"5%\"").text, "5%");
  for (const char* bad : {"-1", "\"5\"", "\"%\"", "\"101%\"", "\"-1%\"", "\"x%\"", "\"nan%\"", "0.05", "true"}) {
    EXPECT_THAT(Problem(With("[recipients]", std::string("[recipients]\nmax_invalid = ") + bad)),
                StartsWith("c.toml:10: recipients.max_invalid: a number of rows or a percentage"))
        << bad;
  }
  EXPECT_THAT(Problem(With("[recipients]", "[recipients]\nexpect = -1")), StartsWith("c.toml:10: recipients.expect: "));
}

TEST_F(LoaderTest, TimesNeedTheirOffset) {
  for (const char* bad : {"2026-11-25T09:00:00", "\"tomorrow\"", "2026-11-25", "5"}) {
    EXPECT_THAT(Problem(With("[delivery]", std::string("[delivery]\nfinish_by = ") + bad)),
                StartsWith("c.toml:12: delivery.finish_by: a time with its offset belongs here"));
  }
  EXPECT_THAT(Problem(With("[delivery]", "[delivery]\nstart = 2026-11-24T09:00:00")),
              StartsWith("c.toml:12: delivery.start: a time with its offset belongs here"));
  EXPECT_THAT(Problem(With("[delivery]",
                           "[delivery]\nstart = 2026-11-24T09:00:00+01:00\nfinish_by = 2026-11-24T08:00:00+00:00")),
              StartsWith("c.toml:13: delivery.finish_by: is not after delivery.start"));
  EXPECT_THAT(Problem(With("[delivery]", "[delivery]\nmax_age = \"soon\"")),
              StartsWith("c.toml:12: delivery.max_age: "));
}

TEST_F(LoaderTest, KeepingDuplicatesNeedsAKey) {
  EXPECT_THAT(Problem(With("[recipients]", "[recipients]\nduplicates = \"allow\"")),
              HasSubstr("recipients.key: missing; with duplicates = \"allow\""));
  EXPECT_EQ(Good(With("[recipients]", "[recipients]\nduplicates = \"allow\"\nkey = \"order\"")).recipients.key,
            "order");
}

TEST_F(LoaderTest, ACampaignOfALaterProgramSaysSo) {
  EXPECT_THAT(Problem(With("format = 1", "format = 1\nmin_sluice = \"0.2\"")),
              HasSubstr("c.toml:2: min_sluice: this is sluice 0.1.0, and the campaign needs 0.2"));
  EXPECT_THAT(Problem(With("format = 1", "format = 1\nmin_sluice = \"1\"")), HasSubstr("the campaign needs 1"));
  EXPECT_THAT(Problem(With("format = 1", "format = 1\nmin_sluice = \"new\"")), HasSubstr("a version such as"));
}

TEST_F(LoaderTest, FilesThatAreNoDocumentNameTheLine) {
  EXPECT_THAT(Problem("format = 1\nid = \n"), StartsWith("c.toml:2: not valid TOML: "));
  EXPECT_EQ(Problem("{\"format\": 1,\n\"id\" \"x\"}", "c.json"), "c.json:2: not valid JSON");
  EXPECT_EQ(Problem("[1]", "c.json"), "c.json:1: a JSON object belongs here");
  EXPECT_THAT(Problem("id = \"Zo\xEB\"\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(Problem(std::string(5u << 20, '\n')), HasSubstr("c.toml: larger than 4 MB"));
  EXPECT_THAT(std::string(LoadCampaign(folder.Path("none.toml")).status().message()),
              HasSubstr("none.toml: No such file or directory"));
}

TEST_F(LoaderTest, ADocumentNestedWithoutEndIsAnError) {
  EXPECT_FALSE(
      Problem("{\"format\": " + std::string(500'000, '[') + std::string(500'000, ']') + "}", "c.json").empty());
  EXPECT_FALSE(Problem("format = " + std::string(500'000, '[') + std::string(500'000, ']')).empty());
}

TEST_F(LoaderTest, TheDigestIsOfAllThatMayNotChange) {
  const std::string digest = FrozenDigest(Good(kBasic));
  for (const auto& [line, instead] :
       {std::pair{"\"weekly-48\"", "\"weekly-49\""}, std::pair{"news@", "info@"}, std::pair{"\"Hello\"", "\"Hallo\""},
        std::pair{"rows.csv", "other.csv"}, std::pair{"[recipients]", "[recipients]\nduplicates = \"exact\""},
        std::pair{"[recipients]", "html = \"\"\n[recipients]"},
        std::pair{"[recipients]", "[message.partials]\na = \"\"\n[recipients]"}}) {
    EXPECT_NE(FrozenDigest(Good(With(line, instead))), digest) << instead;
  }
  EXPECT_EQ(FrozenDigest(Good(With("[delivery]", "[delivery]\nmax_age = \"5h\""))), digest);
}

TEST_F(LoaderTest, L03_MarketingNeedsOneClick) {
  const std::string marketing = With("kind = \"transactional\"", "kind = \"marketing\"");
  EXPECT_THAT(Problem(marketing), HasSubstr("list: a marketing campaign needs list.id and list.unsubscribe_url"));
  EXPECT_THAT(Problem(marketing + "[list]\nid = \"l.example.com\"\nunsubscribe_mailto = \"u@example.com\"\n"),
              HasSubstr("c.toml:13: list: a marketing campaign needs"));
  Good(marketing + "[list]\nid = \"l.example.com\"\nunsubscribe_url = \"https://example.com/{{token}}\"\n");
}

TEST_F(LoaderTest, ADefaultIsNotAMetaToTheDigest) {
  const std::string as_default = With("[delivery]", "[recipients.defaults]\na = \"b\"\n[delivery]");
  const std::string as_meta = With("[delivery]", "[meta]\na = \"b\"\n[delivery]");
  EXPECT_NE(FrozenDigest(Good(as_default)), FrozenDigest(Good(as_meta)));
}

TEST(CampaignId, IsAFileNameThatNeedsNoQuotes) {
  for (const char* good : {"a", "weekly-48", "A.b_c-9", "..."}) EXPECT_TRUE(IsCampaignId(good)) << good;
  EXPECT_TRUE(IsCampaignId(std::string(64, 'x')));
  for (const char* bad : {"", ".", "..", "a/b", "a b", "ä", "a\n"}) EXPECT_FALSE(IsCampaignId(bad)) << bad;
  EXPECT_FALSE(IsCampaignId(std::string(65, 'x')));
}

}  // namespace
}  // namespace campaign
