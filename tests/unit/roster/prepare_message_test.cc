// What preparing finds out about the message: fields that no row can have, and rows whose message cannot be made.
#include <string>
#include <utility>
#include <vector>

#include "engine/roster/prepare.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/roster/preparation.h"

namespace roster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Preparing;
using ::testing::StartsWith;

// "ADDRESS: REASON" of each invalid row.
std::vector<std::string> Invalid(Preparing& preparing) {
  std::vector<std::string> texts;
  const auto roster = preparing.Good();
  if (roster == nullptr) return texts;
  const absl::Status status = roster->VisitRejects([&texts](const Reject& reject) {
    if (reject.type == Reject::Type::kInvalid) texts.push_back(reject.address + ": " + reject.reason);
  });
  EXPECT_TRUE(status.ok()) << status;
  return texts;
}

constexpr message::OnMissing kBoth[] = {message::OnMissing::kInvalid, message::OnMissing::kEmpty};

// ---- rows whose message cannot be made ----

TEST(PrepareMessage, ARowWithAUrlThatIsNoneIsInvalid) {
  for (const message::OnMissing on_missing : kBoth) {
    Preparing preparing;
    preparing.Rows("email,url\na@x.example,https://x.example/a\nb@x.example,http://x.example/b\n");
    message::MessageSpec spec = preparing.Spec();
    spec.on_missing = on_missing;
    spec.unsubscribe_url = {"{{url}}", "c.toml", 9};
    preparing.Message(std::move(spec));
    EXPECT_THAT(
        Invalid(preparing),
        ElementsAre(StartsWith(
            "b@x.example: its message cannot be made: the unsubscribe URL \"http://x.example/b\" is not https")));
  }
}

TEST(PrepareMessage, RowsWithAddressesThatAreNoneAreInvalid) {
  for (const message::OnMissing on_missing : kBoth) {
    Preparing preparing;
    preparing.Rows(
        "email,sender,reply,out\n"
        "a@x.example,s,r@x.example,o@x.example\n"
        "b@x.example,s s,r@x.example,o@x.example\n"
        "c@x.example,s,r,o@x.example\n"
        "d@x.example,s,r@x.example,o\n"
        "e@x.example,s,r@x.example,o@x.example?subject=x\n");
    message::MessageSpec spec = preparing.Spec();
    spec.on_missing = on_missing;
    spec.envelope_sender = {"{{sender}}@example.com", "c.toml", 8};
    spec.reply_to_address = {"{{reply}}", "c.toml", 9};
    spec.unsubscribe_mailto = {"mailto:{{out}}", "c.toml", 10};
    preparing.Message(std::move(spec));
    EXPECT_THAT(Invalid(preparing), ElementsAre(HasSubstr("b@x.example: its message cannot be made: the envelope"),
                                                HasSubstr("c@x.example: its message cannot be made: the Reply-To"),
                                                HasSubstr("d@x.example: its message cannot be made: the unsubscribe")));
  }
}

TEST(PrepareMessage, ASenderThatIsNoneForAnybodyIsAMistakeOfTheCampaign) {
  for (const char* const name : {"token", "sluice.token"}) {
    Preparing preparing;
    preparing.Rows("email\na@x.example\n");
    message::MessageSpec spec = preparing.Spec();
    spec.partials = {{"verp", {"bounce+{{" + std::string(name) + "}}@example.com\n", "verp.txt", 1}}};
    spec.envelope_sender = {"{{> verp}}", "c.toml", 8};
    preparing.Message(spec);
    EXPECT_THAT(preparing.Problem(), StartsWith("c.toml:8: the envelope sender \"bounce+v1"));
    spec.partials[0].text.text.pop_back();
    preparing.Message(spec);
    EXPECT_THAT(Invalid(preparing), IsEmpty());
  }
}

TEST(PrepareMessage, AUrlThatIsNoneForAnybodyIsAMistakeOfTheCampaign) {
  Preparing preparing;
  preparing.Rows("email\na@x.example\n");
  message::MessageSpec spec = preparing.Spec();
  spec.unsubscribe_url = {"{{token}}", "c.toml", 9};
  preparing.Message(std::move(spec));
  EXPECT_THAT(preparing.Problem(), StartsWith("c.toml:9: the unsubscribe URL \"v1"));
}

TEST(PrepareMessage, ATokenOfTheRowsOwnIsLookedAtInEachRow) {
  for (const char* const rows : {"rows.csv", "rows.ndjson"}) {
    Preparing preparing;
    if (std::string(rows) == "rows.csv") {
      preparing.Rows("email,token\na@x.example,fine\nb@x.example,not fine\n", rows);
    } else {
      preparing.Rows("{\"email\":\"a@x.example\"}\n{\"email\":\"b@x.example\",\"token\":\"not fine\"}\n", rows);
    }
    message::MessageSpec spec = preparing.Spec();
    spec.envelope_sender = {"bounce+{{token}}@example.com", "c.toml", 8};
    preparing.Message(std::move(spec));
    EXPECT_THAT(Invalid(preparing), ElementsAre(HasSubstr("the envelope sender \"bounce+not fine@example.com\"")));
  }
}

TEST(PrepareMessage, ARowThatMakesTheTextTooLargeIsInvalid) {
  const std::string large(900'000, 'x');
  for (const message::OnMissing on_missing : kBoth) {
    for (const bool in_section : {false, true}) {
      std::string text;
      for (int i = 0; i < 40; ++i) text += in_section ? "{{#name}}{{name}}{{/name}}" : "{{name}}";
      Preparing preparing;
      preparing.Rows("email,name\na@x.example,A\nb@x.example," + large + "\n");
      preparing.arena_bytes = 4u << 20;
      preparing.Text(text, on_missing);
      EXPECT_THAT(
          Invalid(preparing),
          ElementsAre(HasSubstr("b@x.example: its message cannot be made: body.txt: the row makes the message too")));
    }
  }
}

// ---- fields that no row can have ----

TEST(PrepareMessage, AFieldWithinASectionThatIsNoColumnIsAMistake) {
  Preparing preparing;
  preparing.Rows("email,first_name,vip\na@x.example,A,yes\n");
  preparing.Text("Dear\n{{#vip}}Hello {{frist_name}}{{/vip}}");
  EXPECT_EQ(preparing.Problem(),
            "body.txt:2: the field \"frist_name\" is no column of rows.csv; did you mean \"first_name\"?");
  preparing.Text("{{#vip}}Hello {{first_name}}, {{.}}{{/vip}}{{^vip}}{{email}}{{/vip}}");
  EXPECT_THAT(Invalid(preparing), IsEmpty());
}

TEST(PrepareMessage, WithinASectionOfBuiltInFieldsTheirNamesAreThere) {
  Preparing preparing;
  preparing.Rows("email\na@x.example\n");
  preparing.Text("{{#sluice}}{{row}} {{token}} {{campaign}} {{email}} {{email_url}}{{/sluice}}");
  EXPECT_THAT(Invalid(preparing), IsEmpty());
}

TEST(PrepareMessage, AMemberIsAMistakeWhereRowsDoNotNest) {
  for (const char* const column : {"city", "city.name"}) {
    for (const char* const text : {"{{city.name}}", "{{#email}}{{city.name}}{{/email}}"}) {
      Preparing preparing;
      preparing.Rows("email," + std::string(column) + "\na@x.example,Rome\n");
      preparing.Text(text);
      EXPECT_EQ(preparing.Problem(),
                "body.txt:1: the field \"city.name\" can be in rows of JSON only; those of rows.csv do not nest");
    }
  }
}

TEST(PrepareMessage, AListmonkListNests) {
  Preparing preparing;
  preparing.Rows("email,name,attributes\na@x.example,A,\"{\"\"city\"\": {\"\"name\"\": \"\"Rome\"\"}}\"\n");
  preparing.Text("{{city.name}}{{#city}}{{name}}{{/city}}");
  EXPECT_THAT(Invalid(preparing), IsEmpty());
}

}  // namespace
}  // namespace roster
