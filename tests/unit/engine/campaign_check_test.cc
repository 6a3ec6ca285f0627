#include "engine/campaign_check.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CampaignCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + absl::StrFormat("/campaign_check.%d", ::getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/scratch");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, std::string_view text) { std::ofstream(folder_ + "/" + name) << text; }

  absl::StatusOr<CheckResult> Check(const std::string& message, const std::string& rows, const std::string& more = "") {
    Write("rows.csv", rows);
    Write("c.toml", "format = 1\nid = \"c\"\nkind = \"transactional\"\n[from]\naddress = \"a@example.com\"\n" + more +
                        "[message]\n" + message +
                        "[recipients]\nfile = \"rows.csv\"\n[delivery]\ndkim = \"optional\"\n");
    const absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(folder_ + "/c.toml");
    if (!campaign.ok()) return campaign.status();
    const config::Config config;
    const auto progress = [](std::uint64_t, std::uint64_t) { return true; };
    return CheckCampaign(*disk_, {.campaign = &*campaign,
                                  .config = &config,
                                  .scratch = folder_ + "/scratch",
                                  .now = base::WallTime::FromSeconds(1795507200),
                                  .progress = progress});
  }

  // Each as "name: what", with "!" where it refuses the campaign.
  static std::vector<std::string> Lines(const absl::StatusOr<CheckResult>& result) {
    EXPECT_TRUE(result.ok()) << result.status();
    std::vector<std::string> lines;
    if (!result.ok()) return lines;
    for (const message::Finding& finding : result->findings)
      lines.push_back(finding.check + (finding.fails ? "!: " : ": ") + finding.what);
    return lines;
  }

  std::string folder_;
  const std::unique_ptr<io::Disk> disk_ = io::MakeFileDisk();
};

constexpr char kPlain[] = "subject = \"Hi\"\ntext = \"Hello {{name}}\"\n";

TEST_F(CampaignCheckTest, HasNothingAgainstACleanCampaign) {
  const auto result = Check(kPlain, "email,name\na@d.example,Zoe\nb@d.example,Ann\na@d.example,Zoe\n");
  EXPECT_THAT(Lines(result), IsEmpty());
  EXPECT_FALSE(result->HasFailed());
  EXPECT_EQ(result->manifest.recipients, 2U);
  EXPECT_EQ(result->manifest.duplicate, 1U);
}

TEST_F(CampaignCheckTest, WhatPreparingRefusesIsInvalid) {
  EXPECT_THAT(std::string(Check(kPlain, "email\na@d.example\n").status().message()), HasSubstr("the field \"name\""));
  EXPECT_THAT(std::string(Check(kPlain, "email,name\nx,y\n").status().message()), HasSubstr("nobody to send to"));
}

TEST_F(CampaignCheckTest, CountsRowsThatAreNoRecipientsByTheirReason) {
  const auto result = Check(kPlain, "email,name\nnone,x\na@d.example,x\nnone,x\nx@,x\n");
  ASSERT_THAT(Lines(result), ElementsAre("invalid_row: 2 rows (lines 2, 4): no @; they get no mail",
                                         "invalid_row: 1 row (line 5): nothing after the @; they get no mail"));
  EXPECT_EQ(result->findings[0].file, folder_ + "/rows.csv");
  EXPECT_EQ(result->findings[0].line, 2U);
}

TEST_F(CampaignCheckTest, CountsRowsThatLackAField) {
  std::string rows;
  for (int i = 0; i < 10; ++i) {
    rows += absl::StrFormat("{\"email\":\"u%d@d.example\"%s}\n", i, i % 2 == 0 ? "" : ",\"name\":\"x\"");
  }
  const auto check = [&](const std::string& on_missing) {
    Write("rows.ndjson", rows);
    Write("c.toml",
          "format = 1\nid = \"c\"\nkind = \"transactional\"\n[from]\naddress = \"a@example.com\"\n[message]\n" +
              std::string(kPlain) + on_missing +
              "[recipients]\nfile = \"rows.ndjson\"\n[delivery]\ndkim = \"optional\"\n");
    const absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(folder_ + "/c.toml");
    EXPECT_TRUE(campaign.ok()) << campaign.status();
    const config::Config config;
    const auto progress = [](std::uint64_t, std::uint64_t) { return true; };
    std::filesystem::create_directories(folder_ + "/scratch" + std::to_string(on_missing.size()));
    return Lines(CheckCampaign(*disk_, {.campaign = &*campaign,
                                        .config = &config,
                                        .scratch = folder_ + "/scratch" + std::to_string(on_missing.size()),
                                        .now = base::WallTime(),
                                        .progress = progress}));
  };
  EXPECT_THAT(check(""), ElementsAre(testing::AllOf(HasSubstr("missing_field: 5 rows (lines 1, 3, 5, ...): the field "
                                                              "\"name\" ("),
                                                    HasSubstr("c.toml:8) is absent; they get no mail"))));
  EXPECT_THAT(check("on_missing = \"empty\"\n"), ElementsAre(HasSubstr("is absent; nothing stands in its place")));
}

TEST_F(CampaignCheckTest, ARowWhoseMessageCannotBeMadeRefusesTheCampaign) {
  const auto result = Check(kPlain, "email,name,url\na@d.example,x,https://x\nb@d.example,x,ftp://x\n",
                            "[list]\nunsubscribe_url = \"{{url}}\"\n");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->HasFailed());
  EXPECT_THAT(Lines(result).at(0), HasSubstr("refused_row!: 1 row (line 3): the unsubscribe URL \"ftp://x\""));
}

TEST_F(CampaignCheckTest, ReasonsThatAreDifferentInEveryRowAreNotAllListed) {
  std::string rows = "email,name,url\na@d.example,x,https://x\n";
  for (int i = 0; i < 500; ++i) rows += absl::StrFormat("u%d@d.example,x,ftp://x%d\n", i, i);
  const auto result = Check(kPlain, rows, "[list]\nunsubscribe_url = \"{{url}}\"\n");
  EXPECT_LE(Lines(result).size(), 110U);
  EXPECT_THAT(Lines(result), testing::Contains(HasSubstr("refused_row!: 400 rows")));
}

TEST_F(CampaignCheckTest, MeasuresSubjects) {
  const auto long_subject =
      Check("subject = \"{{name}}\"\ntext = \"x\"\n", "email,name\na@d.example,x\nb@d.example," + std::string(40, 'x') +
                                                          " \xC3\xBC " + std::string(40, 'x') + "\n");
  EXPECT_THAT(Lines(long_subject),
              ElementsAre("long_subject: the subject has up to 83 characters (line 3 of the recipients); beyond 70 few "
                          "people see it"));
}

TEST_F(CampaignCheckTest, FindsEmptySubjects) {
  EXPECT_THAT(Lines(Check("subject = \"{{name}}\"\ntext = \"x\"\n", "email,name\na@d.example,x\nb@d.example,\n")),
              ElementsAre("empty_subject: the subject is empty in 1 row (line 3)"));
}

TEST_F(CampaignCheckTest, MeasuresTheHtmlThatGmailWouldClip) {
  const std::string message = "subject = \"x\"\ntext = \"x\"\nhtml = \"<p>{{name}}\xC3\xBC</p>\"\n";
  const std::string rows = "email,name\na@d.example," + std::string((102 << 10) - 11, 'x') + "\nb@d.example,x\n";
  EXPECT_THAT(Lines(Check(message, rows)), IsEmpty());  // Exactly 102 KB with its last line end.
}

TEST_F(CampaignCheckTest, FindsTheHtmlThatGmailWouldClip) {
  const std::string message = "subject = \"x\"\ntext = \"x\"\nhtml = \"<p>{{name}}\xC3\xBC</p>\"\n";
  const std::string rows = "email,name\nb@d.example,x\na@d.example," + std::string((102 << 10) - 10, 'x') + "\n";
  EXPECT_THAT(Lines(Check(message, rows)),
              ElementsAre(HasSubstr("gmail_clip: the HTML has up to 103 KB (line 3 of the recipients)")));
}

TEST_F(CampaignCheckTest, FindsTheHtmlOfAnEmlThatGmailWouldClip) {
  Write("m.eml",
        "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nHello.\n--b\n"
        "Content-Type: text/html\n\n<p>{{name}}</p>\n--b--\n");
  const std::string rows = "email,name\nb@d.example,x\na@d.example," + std::string(102 << 10, 'x') + "\n";
  const auto result = Check("eml_file = \"m.eml\"\n", rows);
  EXPECT_THAT(Lines(result),
              ElementsAre(HasSubstr("gmail_clip: the HTML has up to 103 KB (line 3 of the recipients)")));
  EXPECT_EQ(result->findings[0].file, folder_ + "/m.eml");
  EXPECT_EQ(result->findings[0].line, 11U);
}

TEST_F(CampaignCheckTest, LooksForALinkToUnsubscribeInWhatIsShown) {
  const std::string list =
      "[list]\nunsubscribe_url = \"https://example.com/" + std::string(100, 'u') + "?t={{token}}&n=1\"\n";
  const std::string url = "https://example.com/" + std::string(100, 'u') + "?t={{token}}";
  const auto shows = [&](const std::string& text, const std::string& html) {
    std::filesystem::remove_all(folder_ + "/scratch");
    std::filesystem::create_directories(folder_ + "/scratch");
    std::string message = "subject = \"x\"\n";
    if (!text.empty()) message += "text = '" + text + "'\n";
    if (!html.empty()) message += "html = '" + html + "'\n";
    const auto result = Check(message, "email\na@d.example\n", list);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() && result->shows_unsubscribe.value();
  };
  EXPECT_TRUE(shows("No more: " + url + "&n=1", ""));
  EXPECT_FALSE(shows("No more: " + url + "&n=2", ""));
  EXPECT_TRUE(shows("\xC3\xBC unsubscribe: https://example.com/x", ""));
  EXPECT_TRUE(shows("x", "<a href=\"" + url + "&amp;n=1\">No more</a> \xC3\xBC"));
  EXPECT_FALSE(shows("unsubscribe: " + url + "&n=1", "<p>x</p>"));  // The HTML is what is shown.
}

TEST_F(CampaignCheckTest, LooksForALinkToUnsubscribeInAnEml) {
  for (const bool has : {true, false}) {
    Write("m.eml", std::string("Subject: x\nMIME-Version: 1.0\nContent-Type: text/html\n\n<a href=\"https://x/") +
                       (has ? "unsubscribe" : "subscribe") + "\">x</a>\n");
    std::filesystem::remove_all(folder_ + "/scratch");
    std::filesystem::create_directories(folder_ + "/scratch");
    const auto result = Check("eml_file = \"m.eml\"\n", "email\na@d.example\n");
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->shows_unsubscribe, has);
  }
}

TEST_F(CampaignCheckTest, ALargeListWantsAnEnvelopeSender) {
  std::string rows = "email,name\n";
  for (int i = 0; i < 1000; ++i) rows += absl::StrFormat("u%d@d.example,x\n", i);
  EXPECT_THAT(Lines(Check(kPlain, rows)), ElementsAre(HasSubstr("no_envelope_sender: bounces of 1000 messages")));
}

TEST_F(CampaignCheckTest, AnEnvelopeSenderOfItsOwnIsFine) {
  std::string rows = "email,name\n";
  for (int i = 0; i < 1000; ++i) rows += absl::StrFormat("u%d@d.example,x\n", i);
  EXPECT_THAT(Lines(Check(kPlain, rows, "[envelope]\nsender = \"b+{{token}}@example.com\"\n")), IsEmpty());
}

}  // namespace
}  // namespace engine
