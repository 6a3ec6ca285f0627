#include "engine/roster/prepare.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/roster/row_value.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/roster/preparation.h"

namespace roster {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Preparing;

// "3 Zoe@example.com", in the order of the rows.
std::vector<std::string> Recipients(const Roster& roster) {
  std::vector<std::pair<std::uint64_t, std::string>> rows;
  for (std::uint64_t id = 0; id < roster.recipients(); ++id) {
    const RecipientView recipient = roster.Recipient(id);
    rows.emplace_back(recipient.row, recipient.address);
  }
  std::sort(rows.begin(), rows.end());
  std::vector<std::string> texts;
  for (const auto& [row, address] : rows) texts.push_back(std::to_string(row) + " " + address);
  return texts;
}

// "2:3 invalid x (no @)": row, line, what, address, reason; in the order of the file of rejects.
std::vector<std::string> Rejects(const Roster& roster) {
  std::vector<std::string> texts;
  const absl::Status status = roster.VisitRejects([&texts](const Reject& reject) {
    const std::string what = reject.type == Reject::Type::kInvalid      ? " invalid "
                             : reject.type == Reject::Type::kSuppressed ? " suppressed "
                                                                        : " duplicate ";
    texts.push_back(std::to_string(reject.row) + ":" + std::to_string(reject.line) + what + reject.address +
                    (reject.reason.empty() ? "" : " (" + reject.reason + ")") +
                    (reject.first_row > 0 ? " of " + std::to_string(reject.first_row) : ""));
  });
  EXPECT_TRUE(status.ok()) << status;
  return texts;
}

TEST(Prepare, EveryRowIsCountedOnce) {
  Preparing preparing;
  preparing.Rows(
      "email,name\n"
      "zoe@example.com,Zoe\n"
      "nobody,N\n"
      "stop@example.com,S\n"
      "ZOE@Example.com,Zoe again\n"
      "max@example.net\n"
      "anna@gone.example,A\n"
      "max@example.net,Max\n");
  preparing.Suppress("Stop@example.com\n@gone.example\n");
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  EXPECT_THAT(Recipients(*roster), ElementsAre("1 zoe@example.com", "7 max@example.net"));
  EXPECT_THAT(Rejects(*roster), ElementsAre("2:3 invalid nobody (no @)", "3:4 suppressed stop@example.com",
                                            "5:6 invalid max@example.net (1 columns where the header has 2)",
                                            "6:7 suppressed anna@gone.example", "4:5 duplicate ZOE@example.com of 1"));
  const Manifest& manifest = roster->manifest();
  EXPECT_EQ(manifest.rows, 7U);
  EXPECT_EQ(manifest.invalid, 2U);
  EXPECT_EQ(manifest.suppressed, 2U);
  EXPECT_EQ(manifest.duplicate, 1U);
  EXPECT_EQ(manifest.recipients, 2U);
  EXPECT_EQ(manifest.domains, 2U);
}

TEST(Prepare, TheManifestSaysWhatWasPrepared) {
  Preparing preparing;
  preparing.Rows("email,name,customer\na@x.example,A,k1\n");
  preparing.campaign.recipients.key = "customer";
  preparing.campaign.recipients.meta = {"name"};
  preparing.campaign.recipients.defaults = {{"name", "reader"}};
  preparing.campaign.meta = {{"team", "editors"}};
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  const Manifest& manifest = roster->manifest();
  EXPECT_EQ(manifest.campaign, "weekly-48");
  EXPECT_EQ(manifest.campaign_hash, 48U);
  EXPECT_EQ(manifest.frozen_digest, campaign::FrozenDigest(preparing.campaign));
  EXPECT_EQ(manifest.prepared_at, base::WallTime::FromSeconds(1'795'507'200));
  EXPECT_THAT(manifest.columns, ElementsAre("email", "name", "customer"));
  EXPECT_THAT(manifest.meta, ElementsAre("name"));
  EXPECT_EQ(manifest.campaign_meta, preparing.campaign.meta);
  EXPECT_EQ(manifest.defaults, preparing.campaign.recipients.defaults);
  EXPECT_EQ(manifest.key, "customer");
  EXPECT_EQ(roster->template_snapshot(), "snapshot");
  EXPECT_EQ(roster->Recipient(0).key, "k1");
}

TEST(Prepare, ARecipientsRowIsThereForTheTemplate) {
  Preparing preparing;
  preparing.Rows("name;mail\n\"Zoë \"\"Z\"\"\";Zoë@Bücher.example\n");
  preparing.campaign.recipients.address = "mail";
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  const RecipientView recipient = roster->Recipient(0);
  EXPECT_EQ(recipient.address, "Zoë@xn--bcher-kva.example");
  EXPECT_EQ(roster->DomainOf(0), "xn--bcher-kva.example");
  EXPECT_EQ(recipient.key, "zoë@xn--bcher-kva.example");
  EXPECT_TRUE(recipient.needs_smtputf8);
  const RowValue::Defaults none;
  RowValue row(roster->manifest().columns, none);
  ASSERT_TRUE(row.SetPayload(recipient.is_json, recipient.payload).ok());
  EXPECT_EQ(row.Text("name"), "Zoë \"Z\"");
  EXPECT_EQ(row.Text("mail"), "Zoë@Bücher.example");
}

TEST(Prepare, NdjsonRowsAreCheckedOneByOne) {
  Preparing preparing;
  preparing.Rows(
      "{\"email\": \"a@x.example\", \"name\": \"A\"}\n"
      "{\"email\": \"b@x.example\"}\n"
      "nonsense\n"
      "{\"mail\": \"c@x.example\", \"name\": \"C\"}\n"
      "{\"email\": [\"d@x.example\"], \"name\": \"D\"}\n"
      "{\"email\": \"e@x.example\", \"name\": {\"first\": \"E\"}}\n",
      "rows.ndjson");
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  EXPECT_THAT(Recipients(*roster), ElementsAre("1 a@x.example"));
  EXPECT_TRUE(roster->Recipient(0).is_json);
  const std::vector<std::string> rejects = Rejects(*roster);
  ASSERT_EQ(rejects.size(), 5U);
  EXPECT_THAT(rejects[0], HasSubstr("2:2 invalid b@x.example (the field \"name\""));
  EXPECT_EQ(rejects[1], "3:3 invalid  (not a JSON object)");
  EXPECT_EQ(rejects[2], "4:4 invalid  (no address)");
  EXPECT_EQ(rejects[3], "5:5 invalid  (no address)");
  EXPECT_THAT(rejects[4], HasSubstr("6:6 invalid e@x.example (the field \"name\""));
}

TEST(Prepare, DefaultsFillFieldsThatARowDoesNotHave) {
  Preparing preparing;
  preparing.Rows("{\"email\": \"a@x.example\"}\n", "rows.ndjson");
  preparing.campaign.recipients.defaults = {{"name", "reader"}};
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->recipients(), 1U);
}

TEST(Prepare, DuplicatesAreWhatTheCampaignSays) {
  const std::string rows = "email,name\nZoe@x.example,1\nzoe@X.example,2\nZoe@x.example,3\n";
  Preparing fold;
  fold.Rows(rows);
  EXPECT_THAT(Recipients(*fold.Good()), ElementsAre("1 Zoe@x.example"));
  Preparing exact;
  exact.Rows(rows);
  exact.campaign.recipients.duplicates = campaign::Duplicates::kExact;
  EXPECT_THAT(Recipients(*exact.Good()), ElementsAre("1 Zoe@x.example", "2 zoe@x.example"));
  Preparing allow;
  allow.Rows(rows);
  allow.campaign.recipients.duplicates = campaign::Duplicates::kAllow;
  allow.campaign.recipients.key = "name";
  EXPECT_THAT(Recipients(*allow.Good()), ElementsAre("1 Zoe@x.example", "2 zoe@x.example", "3 Zoe@x.example"));
}

TEST(Prepare, AllowedDuplicatesNeedKeysOfTheirOwn) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,1\na@x.example,1\n");
  preparing.campaign.recipients.duplicates = campaign::Duplicates::kAllow;
  preparing.campaign.recipients.key = "name";
  EXPECT_THAT(preparing.Problem(), HasSubstr("rows.csv: 1 rows have a key that another row has"));
}

// The promise is about every row, whatever the domain of its address.
TEST(Prepare, AllowedDuplicatesNeedKeysOfTheirOwnAcrossDomains) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,1\na@y.example,1\n");
  preparing.campaign.recipients.duplicates = campaign::Duplicates::kAllow;
  preparing.campaign.recipients.key = "name";
  EXPECT_THAT(preparing.Problem(), HasSubstr("rows.csv: 1 rows have a key that another row has"));
}

TEST(Prepare, ManyAllowedDuplicatesAreToldApartWithLittleMemory) {
  std::string rows = "email,name\n";
  for (int i = 0; i < 3000; ++i) rows += "u@d" + std::to_string(i % 9) + ".example," + std::to_string(i) + "\n";
  Preparing preparing;
  preparing.arena_bytes = 8192;
  preparing.campaign.recipients.duplicates = campaign::Duplicates::kAllow;
  preparing.campaign.recipients.key = "name";
  preparing.Rows(rows + "u@x.example,77\nu@x.example,2999\nu@x.example,78\n");
  EXPECT_THAT(preparing.Problem(), HasSubstr("rows.csv: 3 rows have a key that another row has"));
  preparing.Rows(rows);
  EXPECT_EQ(preparing.Good()->recipients(), 3000U);
}

TEST(Prepare, AnEmptyKeyMakesARowInvalid) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,1\nb@x.example,\n");
  preparing.Text("Hello");
  preparing.campaign.recipients.key = "name";
  EXPECT_THAT(Rejects(*preparing.Good()), ElementsAre("2:3 invalid b@x.example (the key \"name\" is empty)"));
}

TEST(Prepare, ColumnsThatAreMissingAreNamed) {
  Preparing preparing;
  preparing.Rows("mail,name\na@x.example,A\n");
  EXPECT_EQ(preparing.Problem(), "rows.csv:1: no column \"email\" (recipients.address); there are: mail, name");
  preparing.campaign.recipients.address = "mail";
  preparing.campaign.recipients.key = "id";
  EXPECT_THAT(preparing.Problem(), HasSubstr("no column \"id\" (recipients.key)"));
  preparing.campaign.recipients.key = "";
  preparing.campaign.recipients.meta = {"name", "country"};
  EXPECT_THAT(preparing.Problem(), HasSubstr("no column \"country\" (recipients.meta)"));
}

TEST(Prepare, AFieldOfTheTemplateThatIsNoColumnIsAMistake) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,A\n");
  preparing.Text("Hello {{nmae}},\n{{sluice.row}} {{email}} {{token}}\n{{city}}");
  EXPECT_EQ(preparing.Problem(),
            "body.txt:1: the field \"nmae\" is no column of rows.csv; did you mean \"name\"?\n"
            "body.txt:3: the field \"city\" is no column of rows.csv");
  preparing.campaign.recipients.defaults = {{"nmae", "x"}, {"city", "y"}};
  EXPECT_TRUE(preparing.Run().ok());
}

TEST(Prepare, InvalidRowsStopItWhereTheCampaignSaysSo) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,A\nnobody,B\n");
  preparing.campaign.recipients.on_invalid = campaign::OnInvalid::kStop;
  EXPECT_EQ(preparing.Problem(), "rows.csv:3: \"nobody\" is no recipient: no @");
  std::string many = "email,name\na@x.example,A\n";
  for (int i = 0; i < 30; ++i) many += "nobody,B\n";
  preparing.Rows(many);
  const std::string problem = preparing.Problem();
  EXPECT_THAT(problem, HasSubstr("rows.csv:12: "));
  EXPECT_THAT(problem, Not(HasSubstr("rows.csv:13: ")));
}

TEST(Prepare, TooManyInvalidRowsAreRefused) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,A\nb@x.example,B\nc@x.example,C\nnobody,D\n");
  campaign::RowLimit& limit = preparing.campaign.recipients.max_invalid;
  limit = {std::nullopt, 0.24, "24%"};
  EXPECT_EQ(preparing.Problem(),
            "rows.csv:5: \"nobody\" is no recipient: no @\nrows.csv: 1 of 4 rows are invalid; max_invalid allows 24%");
  limit = {0, 1.0, "0"};
  EXPECT_THAT(preparing.Problem(), HasSubstr("max_invalid allows 0"));
  limit = {std::nullopt, 0.25, "25%"};
  EXPECT_TRUE(preparing.Run().ok());
}

TEST(Prepare, TheNumberOfRowsMustBeTheOneThatIsExpected) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,A\nnobody,B\n");
  preparing.campaign.recipients.expect = 3;
  EXPECT_EQ(preparing.Problem(), "rows.csv: 2 rows, and recipients.expect says 3");
  preparing.campaign.recipients.expect = 2;
  EXPECT_TRUE(preparing.Run().ok());
}

TEST(Prepare, WithNobodyToSendToNothingIsPrepared) {
  Preparing preparing;
  EXPECT_THAT(preparing.Problem(), HasSubstr("there is nobody to send to: 0 rows"));
  preparing.Rows("email,name\nnobody,B\n");
  EXPECT_THAT(preparing.Problem(), HasSubstr("rows.csv:2: \"nobody\" is no recipient: no @"));
}

TEST(Prepare, AFileThatCannotBeReadToItsEndIsNotPrepared) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,A\n\"b@x.example,B\n");
  EXPECT_EQ(preparing.Problem(), "rows.csv:3: a quote that does not end");
  preparing.campaign.recipients.file = preparing.folder.Path("none.csv");
  EXPECT_EQ(preparing.Problem(), "none.csv: No such file or directory");
}

TEST(Prepare, SaysHowFarItIsAndCanBeStopped) {
  std::string rows = "email,name\n";
  for (int i = 0; i < 20'000; ++i) rows += "u" + std::to_string(i) + "@x.example,N\n";
  Preparing preparing;
  preparing.Rows(rows);
  ASSERT_TRUE(preparing.Run().ok());
  EXPECT_GE(preparing.progress_rows.size(), 4U);
  EXPECT_TRUE(std::is_sorted(preparing.progress_rows.begin(), preparing.progress_rows.end()));
  EXPECT_LE(preparing.progress_bytes, rows.size());
  EXPECT_GT(preparing.progress_bytes, 0U);
  Preparing stopped;
  stopped.Rows(rows);
  stopped.stop_at_rows = 5000;
  EXPECT_EQ(stopped.Run().code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(stopped.IsPrepared());
  EXPECT_LT(stopped.progress_rows.back(), 10'000U);
}

TEST(Prepare, AskForSpaceBeforeItBegins) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,A\n");
  preparing.disk.free_bytes = 1000;
  const absl::Status status = preparing.Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(preparing.disk.changes, 1U);  // The removal of what is not there.
}

TEST(PrepareForATest, TakesOneRowAndGivesItToSomebodyElse) {
  Preparing preparing;
  preparing.Rows("email,name\nnobody,N\nZoe@Two.example,Zoe\nann@three.example,Ann\n");
  preparing.Suppress("zoe@two.example\n");
  preparing.test = TestSend{.row = 2, .token = "t1abc", .recipient = "me@Tester.example", .shown = ""};
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  ASSERT_EQ(roster->recipients(), 1U);
  EXPECT_EQ(roster->manifest().rows, 1U);
  EXPECT_EQ(roster->DomainOf(0), "tester.example");
  const RecipientView view = roster->Recipient(0);
  EXPECT_EQ(view.row, 2U);
  EXPECT_EQ(view.address, "me@tester.example");
  EXPECT_EQ(view.shown, "Zoe@two.example");
  EXPECT_EQ(view.key, "zoe@two.example");
  EXPECT_EQ(roster->manifest().test->token, "t1abc");
}

TEST(PrepareForATest, NeedsSmtpUtf8WhereEitherAddressDoes) {
  for (const auto& [row, recipient] : {std::pair(1, "me@x.example"), std::pair(2, "m\u00fc@x.example")}) {
    Preparing preparing;
    preparing.Rows("email,name\nz\u00f6@two.example,N\nann@two.example,N\n");
    preparing.test =
        TestSend{.row = static_cast<std::uint64_t>(row), .token = "t1abc", .recipient = recipient, .shown = ""};
    const auto roster = preparing.Good();
    ASSERT_NE(roster, nullptr);
    EXPECT_TRUE(roster->Recipient(0).needs_smtputf8) << row;
  }
}

TEST(PrepareForATest, SaysWhatIsWrongWithTheRow) {
  Preparing preparing;
  preparing.Rows("email,name\nnobody,N\nann@two.example,N\n");
  preparing.test = TestSend{.row = 1, .token = "t1abc", .recipient = "me@x.example", .shown = ""};
  EXPECT_THAT(preparing.Problem(), ::testing::StartsWith("rows.csv:2: \"nobody\" is no recipient: "));
  preparing.test->row = 3;
  EXPECT_EQ(preparing.Problem(), "rows.csv: there is no row 3");
}

TEST(PrepareForATest, DoesNotCareAboutTheRestOfTheList) {
  Preparing preparing;
  preparing.Rows("email,name\nnobody,N\nann@two.example,N\n");
  preparing.campaign.recipients.expect = 5;
  preparing.campaign.recipients.on_invalid = campaign::OnInvalid::kStop;
  preparing.test = TestSend{.row = 2, .token = "t1abc", .recipient = "me@x.example", .shown = ""};
  EXPECT_TRUE(preparing.Run().ok());
}

// As a process that was killed: nothing more reaches the disk from some moment on. The next run finds what is left.
TEST(Prepare, KilledAtAnyMomentItLeavesNoManifestAndCanBeRunAgain) {
  std::string rows = "email,name\n";
  for (int i = 0; i < 300; ++i) rows += "u" + std::to_string(i % 250) + "@d" + std::to_string(i % 9) + ".example,N\n";
  rows += "nobody,N\n";
  Preparing unharmed;
  unharmed.Rows(rows);
  const auto wanted = unharmed.Good();
  ASSERT_NE(wanted, nullptr);
  Preparing preparing;
  preparing.Rows(rows);
  preparing.arena_bytes = 4096;
  for (std::uint64_t after = 0; !preparing.IsPrepared(); ++after) {
    ASSERT_LT(after, 500U);
    preparing.disk.changes = 0;
    preparing.disk.fail_after = after;
    static_cast<void>(preparing.Run());
    preparing.disk.fail_after.reset();
  }
  const auto roster = preparing.Opened();
  ASSERT_NE(roster, nullptr);
  EXPECT_TRUE(roster->Verify().ok());
  EXPECT_EQ(roster->manifest().files, wanted->manifest().files);
  EXPECT_EQ(roster->recipients() + roster->manifest().duplicate, 300U);
}

TEST(Prepare, NothingButTheRosterIsLeftInTheFolder) {
  Preparing preparing;
  std::string rows = "email,name\n";
  for (int i = 0; i < 3000; ++i) rows += "u" + std::to_string(i) + "@x.example,N\n";
  preparing.Rows(rows);
  preparing.arena_bytes = 8192;
  ASSERT_TRUE(preparing.Run().ok());
  EXPECT_THAT(*preparing.disk.List(preparing.folder.path()),
              ElementsAre("domains.dat", "manifest.json", "rejects.ndjson", "roster.dat", "roster.idx", "rows.csv",
                          "template.dat"));
}

}  // namespace
}  // namespace roster
