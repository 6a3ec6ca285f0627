#include "engine/roster/builder.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/roster/layout.h"
#include "engine/roster/roster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/scratch_folder.h"
#include "tests/unit/roster/spy_disk.h"

namespace roster {
namespace {

using campaign::testing::ScratchFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SpyDisk;

struct Person {
  std::uint64_t row = 0;
  std::string address, payload;
  std::string identity;  // Empty: the address.
};

constexpr const char* kFiles[] = {"roster.dat", "roster.idx", "domains.dat", "rejects.ndjson", "template.dat"};

class BuilderTest : public ::testing::Test {
 protected:
  static absl::Status Add(Builder& builder, const Person& person) {
    NewRecipient recipient;
    recipient.row = person.row;
    recipient.line = person.row + 1;
    recipient.address = person.address;
    recipient.domain = recipient.address.substr(recipient.address.rfind('@') + 1);
    recipient.identity = person.identity.empty() ? person.address : person.identity;
    recipient.key = recipient.identity;
    recipient.payload = person.payload;
    return builder.Add(recipient);
  }
  absl::Status TryBuild(const std::vector<Person>& people, std::size_t arena = 1u << 20) {
    Builder builder(disk, folder.path(), arena);
    for (const Person& person : people) {
      if (absl::Status status = Add(builder, person); !status.ok()) return status;
    }
    Manifest manifest;
    manifest.campaign = "weekly-48";
    manifest.rows = people.size();
    return builder.Finish(manifest, "the template", [](const Manifest&) { return absl::OkStatus(); });
  }
  std::unique_ptr<const Roster> Build(const std::vector<Person>& people, std::size_t arena = 1u << 20) {
    const absl::Status status = TryBuild(people, arena);
    EXPECT_TRUE(status.ok()) << status;
    absl::StatusOr<std::unique_ptr<const Roster>> roster = Roster::Open(disk, folder.path());
    EXPECT_TRUE(roster.ok()) << roster.status();
    if (!roster.ok()) return nullptr;
    EXPECT_TRUE((*roster)->Verify().ok());
    return *std::move(roster);
  }
  std::string Content(const std::string& name) { return *io::ReadFile(disk, folder.Path(name), 1u << 30); }
  absl::Status OpenStatus() { return Roster::Open(disk, folder.path()).status(); }

  ScratchFolder folder;
  SpyDisk disk;
};

std::vector<Person> ManyPeople(std::uint64_t count) {
  std::vector<Person> people;
  for (std::uint64_t row = 1; row <= count; ++row) {
    people.push_back({row,
                      "user" + std::to_string(row * 7919 % 1009) + "@d" + std::to_string(row * row % 13) + ".example",
                      "payload of " + std::to_string(row), ""});
  }
  return people;
}

TEST_F(BuilderTest, ARecipientIsReadBackWithAllThatItHas) {
  Builder builder(disk, folder.path(), 1u << 20);
  const std::string payload("\0\xFF\n", 3);
  ASSERT_TRUE(builder
                  .Add({.row = 300,
                        .line = 70'000,
                        .address = "Zoë@example.com",
                        .domain = "example.com",
                        .identity = "zoë@example.com",
                        .key = "customer 5",
                        .needs_smtputf8 = true,
                        .is_json = true,
                        .payload = payload})
                  .ok());
  ASSERT_TRUE(builder.Finish({}, "the template", [](const Manifest&) { return absl::OkStatus(); }).ok());
  const auto roster = Roster::Open(disk, folder.path());
  ASSERT_TRUE(roster.ok()) << roster.status();
  const RecipientView view = (*roster)->Recipient(0);
  EXPECT_EQ(view.row, 300U);
  EXPECT_EQ(view.line, 70'000U);
  EXPECT_EQ(view.address, "Zoë@example.com");
  EXPECT_EQ(view.key, "customer 5");
  EXPECT_TRUE(view.needs_smtputf8);
  EXPECT_TRUE(view.is_json);
  EXPECT_EQ(view.payload, payload);
  EXPECT_EQ((*roster)->template_snapshot(), "the template");
}

TEST_F(BuilderTest, RecipientsOfADomainStandTogether) {
  const std::vector<Person> people = ManyPeople(500);
  const auto roster = Build(people);
  ASSERT_NE(roster, nullptr);
  std::set<std::string_view> names;
  std::set<std::uint64_t> rows;
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < roster->domains(); ++i) {
    const DomainView domain = roster->Domain(i);
    EXPECT_TRUE(names.insert(domain.name).second) << domain.name;
    EXPECT_EQ(roster->FindDomain(domain.name), i);
    EXPECT_EQ(domain.first, next);
    EXPECT_GT(domain.count, 0U);
    for (std::uint64_t id = domain.first; id < domain.first + domain.count; ++id) {
      const RecipientView recipient = roster->Recipient(id);
      EXPECT_TRUE(recipient.address.ends_with("@" + std::string(domain.name))) << recipient.address;
      EXPECT_EQ(roster->DomainOf(id), domain.name);
      EXPECT_EQ(recipient.payload, people[recipient.row - 1].payload);
      EXPECT_EQ(recipient.line, recipient.row + 1);
      rows.insert(recipient.row);
    }
    next += domain.count;
  }
  EXPECT_FALSE(roster->FindDomain("other.example").has_value());
  EXPECT_EQ(next, roster->recipients());
  EXPECT_EQ(rows.size(), roster->recipients());
  EXPECT_EQ(roster->recipients() + roster->manifest().duplicate, 500U);
}

TEST_F(BuilderTest, TheFilesAreTheSameWhateverTheOrderAndTheMemory) {
  std::vector<Person> people = ManyPeople(2000);
  ASSERT_NE(Build(people), nullptr);
  std::map<std::string, std::string> wanted;
  for (const char* name : kFiles) wanted[name] = Content(name);
  std::reverse(people.begin(), people.end());
  const std::uint64_t before = disk.created;
  ASSERT_NE(Build(people, 4096), nullptr);
  EXPECT_GT(disk.created - before, 20U);
  for (const char* name : kFiles) EXPECT_EQ(Content(name), wanted[name]) << name;
}

TEST_F(BuilderTest, OfTwoWithTheSameIdentityTheFirstRowCounts) {
  const auto roster = Build({{7, "ZOE@example.com", "late", "zoe@example.com"},
                             {2, "Zoe@example.com", "first", "zoe@example.com"},
                             {5, "zoe@example.com", "middle", "zoe@example.com"},
                             {9, "max@example.com", "", ""}});
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->recipients(), 2U);
  EXPECT_EQ(roster->manifest().duplicate, 2U);
  const auto id = roster->FindAddress("zoe@example.com");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(roster->Recipient(*id).row, 2U);
  EXPECT_EQ(roster->Recipient(*id).payload, "first");
  std::vector<std::string> rejects;
  ASSERT_TRUE(roster
                  ->VisitRejects([&rejects](const Reject& reject) {
                    EXPECT_EQ(reject.type, Reject::Type::kDuplicate);
                    EXPECT_EQ(reject.first_row, 2U);
                    EXPECT_EQ(reject.line, reject.row + 1);
                    rejects.push_back(std::to_string(reject.row) + " " + reject.address);
                  })
                  .ok());
  EXPECT_THAT(rejects, ElementsAre("5 zoe@example.com", "7 ZOE@example.com"));
}

TEST_F(BuilderTest, TheSameIdentityInAnotherDomainIsAnotherRecipient) {
  const auto roster = Build({{1, "a@x.example", "", "same"}, {2, "a@y.example", "", "same"}});
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->recipients(), 2U);
  EXPECT_EQ(roster->domains(), 2U);
}

TEST_F(BuilderTest, RejectsAreReadBackAsTheyWereGiven) {
  Builder builder(disk, folder.path(), 1u << 20);
  ASSERT_TRUE(Add(builder, {1, "a@example.com", "", ""}).ok());
  ASSERT_TRUE(builder
                  .AddReject({.type = Reject::Type::kInvalid,
                              .row = 2,
                              .line = 5,
                              .address = "no\"body\n",
                              .reason = "no @",
                              .first_row = 0})
                  .ok());
  ASSERT_TRUE(builder
                  .AddReject({.type = Reject::Type::kSuppressed,
                              .row = 3,
                              .line = 6,
                              .address = "Zoë@example.com",
                              .reason = "",
                              .first_row = 0})
                  .ok());
  ASSERT_TRUE(builder.Finish({}, "", [](const Manifest&) { return absl::OkStatus(); }).ok());
  const auto roster = Roster::Open(disk, folder.path());
  ASSERT_TRUE(roster.ok()) << roster.status();
  std::vector<Reject> rejects;
  ASSERT_TRUE((*roster)->VisitRejects([&rejects](const Reject& reject) { rejects.push_back(reject); }).ok());
  ASSERT_EQ(rejects.size(), 2U);
  EXPECT_EQ(rejects[0].type, Reject::Type::kInvalid);
  EXPECT_EQ(rejects[0].row, 2U);
  EXPECT_EQ(rejects[0].line, 5U);
  EXPECT_EQ(rejects[0].address, "no\"body\n");
  EXPECT_EQ(rejects[0].reason, "no @");
  EXPECT_EQ(rejects[1].type, Reject::Type::kSuppressed);
  EXPECT_EQ(rejects[1].address, "Zoë@example.com");
}

TEST_F(BuilderTest, RowsAndAddressesAreFound) {
  const auto roster = Build({{4, "Zoe@example.com", "", ""}, {6, "max@x.example", "", ""}});
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->Recipient(*roster->FindRow(6)).address, "max@x.example");
  EXPECT_EQ(roster->FindRow(5), std::nullopt);
  EXPECT_EQ(roster->Recipient(*roster->FindAddress("zoe@EXAMPLE.com")).row, 4U);
  for (const char* nobody : {"zoe@x.example", "zoe", "@example.com", "zoe@example.co"}) {
    EXPECT_EQ(roster->FindAddress(nobody), std::nullopt) << nobody;
  }
}

TEST_F(BuilderTest, ALastLookSeesTheCountsAndMayRefuse) {
  Builder builder(disk, folder.path(), 1u << 20);
  ASSERT_TRUE(Add(builder, {1, "a@x.example", "", ""}).ok());
  ASSERT_TRUE(Add(builder, {2, "a@x.example", "", ""}).ok());
  ASSERT_TRUE(Add(builder, {3, "a@y.example", "", ""}).ok());
  const absl::Status status = builder.Finish({}, "", [](const Manifest& manifest) {
    EXPECT_EQ(manifest.recipients, 2U);
    EXPECT_EQ(manifest.duplicate, 1U);
    EXPECT_EQ(manifest.domains, 2U);
    return absl::InvalidArgumentError("not like this");
  });
  EXPECT_EQ(status, absl::InvalidArgumentError("not like this"));
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kNotFound);
}

TEST_F(BuilderTest, TheManifestComesAfterEverythingIsOnTheDisk) {
  ASSERT_NE(Build(ManyPeople(100)), nullptr);
  const std::size_t manifest = disk.IndexOf("rename to manifest.json");
  ASSERT_NE(manifest, std::string::npos);
  for (const char* name : kFiles) EXPECT_LT(disk.IndexOf(std::string("sync ") + name), manifest) << name;
  const std::size_t folder_synced = disk.IndexOf("sync .");
  EXPECT_LT(folder_synced, manifest);
  for (const char* name : kFiles) EXPECT_LT(disk.IndexOf(std::string("create ") + name), folder_synced) << name;
  EXPECT_THAT(*disk.List(folder.path()), ElementsAre("domains.dat", "manifest.json", "rejects.ndjson", "roster.dat",
                                                     "roster.idx", "template.dat"));
}

TEST_F(BuilderTest, WhereverTheDiskFailsThereIsNoManifestOrAWholeRoster) {
  const std::vector<Person> people = ManyPeople(300);
  bool whole = false;
  std::uint64_t after = 0;
  for (; !whole; ++after) {
    ASSERT_LT(after, 1000U);
    static_cast<void>(disk.Remove(folder.Path("manifest.json")));
    disk.changes = 0;
    disk.fail_after = after;
    whole = TryBuild(people, 4096).ok();
    disk.fail_after.reset();
    const auto roster = Roster::Open(disk, folder.path());
    if (!roster.ok()) {
      EXPECT_EQ(roster.status().code(), absl::StatusCode::kNotFound) << after << ": " << roster.status();
      EXPECT_FALSE(whole);
    } else {
      EXPECT_TRUE((*roster)->Verify().ok()) << after;
    }
  }
  EXPECT_GT(after, 20U);
}

TEST_F(BuilderTest, VerifyFindsOneChangedBitInAnyFile) {
  for (const char* name : kFiles) {
    Builder builder(disk, folder.path(), 1u << 20);
    ASSERT_TRUE(Add(builder, {1, "a@x.example", "payload", ""}).ok());
    ASSERT_TRUE(builder.AddReject({.row = 2, .line = 3, .address = "x", .reason = "no @"}).ok());
    ASSERT_TRUE(builder.Finish({}, "the template", [](const Manifest&) { return absl::OkStatus(); }).ok());
    std::string bytes = Content(name);
    bytes.back() ^= 4;
    folder.Write(name, bytes);
    const auto roster = Roster::Open(disk, folder.path());
    const absl::Status status = roster.ok() ? (*roster)->Verify() : roster.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << name;
  }
}

TEST_F(BuilderTest, AFileOfAnotherSizeOrNoneIsDataLossAtOnce) {
  for (const char* name : kFiles) {
    ASSERT_NE(Build({{1, "a@x.example", "payload", ""}, {2, "a@x.example", "", ""}}), nullptr);
    folder.Write(name, Content(name) + "x");
    EXPECT_THAT(std::string(OpenStatus().message()),
                HasSubstr(std::string(name) + ": the prepared campaign is damaged"));
    EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
    ASSERT_TRUE(disk.Remove(folder.Path(name)).ok());
    EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
  }
}

TEST_F(BuilderTest, AManifestThatIsNoneIsDataLoss) {
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kNotFound);
  for (const char* text : {"", "{", "[]", "{}", "{\"format\": 2}", "{\"format\": \"1\"}"}) {
    folder.Write("manifest.json", text);
    EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_THAT(std::string(OpenStatus().message()), HasSubstr("manifest.json: not a manifest"));
  }
}

TEST(Manifest, IsReadBackAsItWas) {
  Manifest manifest;
  manifest.campaign = "weekly-48";
  manifest.campaign_hash = UINT64_MAX;
  manifest.frozen_digest = "00ff";
  manifest.prepared_at = base::WallTime::FromMicroseconds(1'795'507'200'000'001);
  manifest.rows = 10;
  manifest.invalid = 1;
  manifest.duplicate = 2;
  manifest.suppressed = 3;
  manifest.recipients = 4;
  manifest.domains = 2;
  manifest.columns = {"email", "na\"me", "Straße"};
  manifest.meta = {"country"};
  manifest.campaign_meta = {{"team", "editors"}};
  manifest.defaults = {{"name", "reader"}, {"a", ""}};
  manifest.key = "customer";
  manifest.files = {{"roster.dat", {UINT64_MAX, UINT32_MAX}}};
  const absl::StatusOr<Manifest> read = Manifest::FromJson(manifest.ToJson(), "manifest.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->ToJson(), manifest.ToJson());
  EXPECT_EQ(read->campaign_hash, UINT64_MAX);
  EXPECT_EQ(read->prepared_at, manifest.prepared_at);
  EXPECT_EQ(read->columns, manifest.columns);
  EXPECT_EQ(read->defaults, manifest.defaults);
  EXPECT_EQ(read->files, manifest.files);
  EXPECT_EQ(read->suppressed, 3U);
}

}  // namespace
}  // namespace roster
