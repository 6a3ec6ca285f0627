#include <filesystem>
#include <string>

#include "engine/campaign/campaign.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/loader_fixture.h"

namespace campaign {
namespace {

using ::testing::HasSubstr;
using testing::kBasic;

class MessageLoaderTest : public testing::LoaderTest {};

TEST_F(MessageLoaderTest, FilesThatGoWithTheMessageAreReadAsTheyAre) {
  folder.Write("a.gz", "\x1F\x8B not unpacked");
  folder.Write("logo.png", "PNG");
  const Campaign campaign = Good(With("[recipients]",
                                      "html = \"<p>\"\nattachments = [\"a.gz\"]\n[message.inline]\nlogo = "
                                      "\"logo.png\"\n[recipients]"));
  ASSERT_EQ(campaign.message.attachments.size(), 1U);
  EXPECT_EQ(campaign.message.attachments[0].name, "a.gz");
  EXPECT_EQ(campaign.message.attachments[0].content, "\x1F\x8B not unpacked");
  ASSERT_EQ(campaign.message.inlines.size(), 1U);
  EXPECT_EQ(campaign.message.inlines[0].content_id, "logo");
  EXPECT_EQ(campaign.message.inlines[0].content, "PNG");
  EXPECT_EQ(FileDigests(campaign).size(), 2U);
}

TEST_F(MessageLoaderTest, AnEmlIsAWholeMessage) {
  folder.Write("m.eml", "Subject: x\n\ny\n");
  const std::string with_eml = Replaced(Replaced(std::string(kBasic), "subject = \"Hello\"\n", ""),
                                        "text = \"Hello.\\n\"", "eml_file = \"m.eml\"");
  EXPECT_EQ(Good(with_eml).message.eml->text, "Subject: x\n\ny\n");
  EXPECT_THAT(Problem(Replaced(with_eml, "eml_file", "text = \"x\"\neml_file")),
              HasSubstr("message.text: an eml is a whole message"));
  EXPECT_THAT(Problem(Replaced(with_eml, "eml_file", "eml = \"x\"\neml_file")), HasSubstr("write one of them"));
}

TEST_F(MessageLoaderTest, AttachmentsThatCannotGoNameTheirLine) {
  EXPECT_THAT(Problem(With("[recipients]", "attachments = [\"none.pdf\"]\n[recipients]")),
              HasSubstr("c.toml:9: message.attachments: none.pdf: No such file"));
  EXPECT_THAT(Problem(With("[recipients]", "attachments = [5]\n[recipients]")),
              HasSubstr("c.toml:9: message.attachments: the name of a file belongs here"));
  folder.Write("l.png", "PNG");
  EXPECT_THAT(Problem(With("[recipients]", "[message.inline]\nl = \"l.png\"\n[recipients]")),
              HasSubstr("message.inline: there is no html that could show it"));
  EXPECT_THAT(Problem(With("[recipients]", "html = \"\"\n[message.inline]\n\"a b\" = \"l.png\"\n[recipients]")),
              HasSubstr("c.toml:11: message.inline.a b: not an id for cid:"));
  folder.Write("big", std::string(kAttachmentMax + 1, 'x'));
  EXPECT_THAT(Problem(With("[recipients]", "attachments = [\"big\"]\n[recipients]")),
              HasSubstr("c.toml:9: message.attachments: big: larger than 25 MB"));
}

TEST_F(MessageLoaderTest, FilesTogetherHaveALimitBeyondWhichNoMoreIsRead) {
  folder.Write("big", std::string(std::size_t{20} << 20, 'x'));
  EXPECT_THAT(Problem(With("[recipients]", "attachments = [\"big\", \"big\", \"big\", \"none\"]\n[recipients]")),
              ::testing::AllOf(HasSubstr("message.attachments: more than 50 MB with the inline files"),
                               ::testing::Not(HasSubstr("none"))));
}

TEST_F(MessageLoaderTest, PartialsTogetherHaveALimitBeyondWhichNoMoreIsRead) {
  folder.Write("big", std::string(std::size_t{6} << 20, 'x'));
  EXPECT_THAT(Problem(With("[recipients]",
                           "[message.partial_files]\na = \"big\"\nb = \"big\"\nc = \"big\"\nd = \"none\"\n"
                           "[recipients]")),
              ::testing::AllOf(HasSubstr("message.partial_files.c: more than 16 MB with the others"),
                               ::testing::Not(HasSubstr("none"))));
}

TEST_F(MessageLoaderTest, PartialsAreTextsOrFiles) {
  folder.Write("foot.html", "<p>{{city}}\n");
  const std::string text = With("[recipients]",
                                "[message.partials]\nhead = \"Hi\"\n[message.partial_files]\n\"a/foot\" = "
                                "\"foot.html\"\n[recipients]");
  const Campaign campaign = Good(text);
  ASSERT_EQ(campaign.message.partials.size(), 2U);
  EXPECT_EQ(campaign.message.partials[0].first, "head");
  EXPECT_EQ(campaign.message.partials[0].second.text, "Hi");
  EXPECT_EQ(campaign.message.partials[0].second.line, 10U);
  EXPECT_EQ(campaign.message.partials[1].first, "a/foot");
  EXPECT_EQ(campaign.message.partials[1].second.text, "<p>{{city}}\n");
  EXPECT_EQ(campaign.message.partials[1].second.file, folder.Path("foot.html"));
  EXPECT_EQ(FileDigests(campaign).count("partial_files.a/foot"), 1U);
  const auto with = [](std::string_view lines) { return With("[recipients]", std::string(lines) + "\n[recipients]"); };
  EXPECT_THAT(Problem(with("[message.partials]\nhead = 5")),
              HasSubstr("c.toml:10: message.partials.head: a text belongs here"));
  EXPECT_THAT(Problem(with("[message.partials]\n\"a b\" = \"\"")), HasSubstr("message.partials.a b: not a name for"));
  EXPECT_THAT(Problem(with("[message.partial_files]\na = \"none.html\"")), HasSubstr("none.html: No such file"));
  EXPECT_THAT(Problem(with("[message.partials]\na = \"\"\n[message.partial_files]\na = \"foot.html\"")),
              HasSubstr("message.partial_files.a: this partial is in [message.partials] too"));
}

TEST_F(MessageLoaderTest, FilesOfAStartedCampaignMayBeGoneButNotChanged) {
  const std::string text = With("text = \"Hello.\\n\"", "text_file = \"t.txt\"\nattachments = [\"a.pdf\"]");
  folder.Write("t.txt", "Hello.\n");
  folder.Write("a.pdf", "one");
  const Campaign before = Good(text);
  EXPECT_TRUE(before.missing_files.empty());
  folder.Write("a.pdf", "two");
  const Campaign changed = Good(text);
  EXPECT_EQ(FrozenDigest(changed), FrozenDigest(before));
  EXPECT_EQ(FileDigests(changed).at("text_file"), FileDigests(before).at("text_file"));
  EXPECT_NE(FileDigests(changed).at("attachments[0]"), FileDigests(before).at("attachments[0]"));
  std::filesystem::remove(folder.Path("t.txt"));
  const absl::StatusOr<Campaign> gone = LoadCampaign(folder.Path("c.toml"), MessageFiles::kMayBeGone);
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_THAT(gone->missing_files, HasSubstr("c.toml:8: message.text_file: "));
  EXPECT_EQ(FrozenDigest(*gone), FrozenDigest(before));
  EXPECT_EQ(FileDigests(*gone).count("text_file"), 0U);
  EXPECT_THAT(Problem(text), HasSubstr("t.txt: No such file"));
}

}  // namespace
}  // namespace campaign
