#include "engine/roster/remainder.h"

#include <set>
#include <string>
#include <vector>

#include "engine/campaign/row_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/byte_strings.h"
#include "tests/unit/roster/preparation.h"

namespace roster {
namespace {

using ::testing::ElementsAre;
using testing::Preparing;
using ::testing::UnorderedElementsAre;

std::string Written(const Roster& roster, const std::set<std::uint64_t>& rows) {
  std::string text;
  const absl::Status status = WriteRows(
      roster, [&](std::uint64_t id) { return rows.count(roster.Recipient(id).row) > 0; },
      [&text](std::string_view piece) { text += piece; });
  EXPECT_TRUE(status.ok()) << status;
  return text;
}

std::vector<std::vector<std::string>> ReadBack(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  const auto reader = campaign::MakeRowReader(std::make_unique<campaign::testing::StringSource>(csv), "remainder.csv",
                                              campaign::RowFormat::kCsv);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return rows;
  rows.push_back((*reader)->columns());
  campaign::Row row;
  while (true) {
    const absl::StatusOr<bool> any = (*reader)->Next(row);
    EXPECT_TRUE(any.ok()) << any.status();
    if (!any.ok() || !*any) return rows;
    EXPECT_EQ(row.error, "");
    rows.emplace_back();
    for (const std::string_view field : row.fields) rows.back().emplace_back(field);
  }
}

TEST(Remainder, HasTheChosenRowsOnly) {
  Preparing preparing;
  preparing.Rows("email,name\na@x.example,A\nb@x.example,B\nc@y.example,C\nnobody,D\n");
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(Written(*roster, {2}), "email,name\r\nb@x.example,B\r\n");
  EXPECT_EQ(Written(*roster, {}), "email,name\r\n");
  EXPECT_THAT(ReadBack(Written(*roster, {1, 3})),
              UnorderedElementsAre(ElementsAre("email", "name"), ElementsAre("a@x.example", "A"),
                                   ElementsAre("c@y.example", "C")));
}

TEST(Remainder, FieldsAreReadBackAsTheyWere) {
  Preparing preparing;
  preparing.Rows(
      "email;\"name, \"\"full\"\"\";note\n"
      "a@x.example;\"Zoë \"\"Z\"\"; Smith\";\"two\nlines\r\nthree\"\n"
      "b@x.example; space ;\n"
      "c@x.example;1,5;a\tb\n");
  preparing.Text("Hello");
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  EXPECT_THAT(
      ReadBack(Written(*roster, {1, 2, 3})),
      UnorderedElementsAre(ElementsAre("email", "name, \"full\"", "note"),
                           ElementsAre("a@x.example", "Zoë \"Z\"; Smith", "two\nlines\r\nthree"),
                           ElementsAre("b@x.example", " space ", ""), ElementsAre("c@x.example", "1,5", "a\tb")));
}

// Else the next campaign would take the quotes, or the order of separators, for another file.
TEST(Remainder, OfAFileWithOneColumnIsReadBackToo) {
  Preparing preparing;
  preparing.Rows("email\na@x.example\nb@x.example\n");
  preparing.Text("Hello");
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  EXPECT_THAT(ReadBack(Written(*roster, {1, 2})),
              UnorderedElementsAre(ElementsAre("email"), ElementsAre("a@x.example"), ElementsAre("b@x.example")));
}

TEST(Remainder, NdjsonLinesAreAsTheyWere) {
  Preparing preparing;
  preparing.Rows("{\"email\":\"a@x.example\", \"name\": [ 1,2 ]}\n{\"email\":\"b@x.example\"}\n", "rows.ndjson");
  preparing.Text("Hello");
  const auto roster = preparing.Good();
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(Written(*roster, {1}), "{\"email\":\"a@x.example\", \"name\": [ 1,2 ]}\n");
  EXPECT_EQ(Written(*roster, {}), "");
}

// A remainder is a recipients file: preparing it gives the recipients that were chosen.
TEST(Remainder, CanBePreparedAgain) {
  Preparing first;
  std::string rows = "email,name\n";
  for (int i = 0; i < 500; ++i)
    rows += "u" + std::to_string(i) + "@d" + std::to_string(i % 7) + ".example,\"N, " + std::to_string(i) + "\"\n";
  first.Rows(rows);
  const auto roster = first.Good();
  ASSERT_NE(roster, nullptr);
  Preparing second;
  std::string text;
  ASSERT_TRUE(
      WriteRows(
          *roster, [](std::uint64_t id) { return id % 3 == 0; }, [&text](std::string_view piece) { text += piece; })
          .ok());
  second.Rows(text);
  const auto again = second.Good();
  ASSERT_NE(again, nullptr);
  ASSERT_EQ(again->recipients(), (roster->recipients() + 2) / 3);
  for (std::uint64_t id = 0; id < again->recipients(); ++id) {
    EXPECT_EQ(again->Recipient(id).address, roster->Recipient(id * 3).address);
    EXPECT_EQ(again->Recipient(id).payload, roster->Recipient(id * 3).payload);
  }
}

}  // namespace
}  // namespace roster
