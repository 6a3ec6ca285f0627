#include "engine/campaign/row_reader.h"

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/byte_strings.h"
#include "tests/unit/campaign/scratch_folder.h"

namespace campaign {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ReadAll;
using testing::ScratchFolder;
using testing::StringSource;

struct Read {
  std::uint64_t number = 0, line = 0;
  std::vector<std::string> fields;
  std::string json, error;
};

struct Table {
  std::vector<std::string> columns;
  std::vector<Read> rows;
  absl::Status status;  // Of the file.
  RowFormat format = RowFormat::kCsv;
};

Table Drain(absl::StatusOr<std::unique_ptr<RowReader>> reader) {
  Table table;
  table.status = reader.status();
  if (!reader.ok()) return table;
  table.columns = (*reader)->columns();
  table.format = (*reader)->format();
  Row row;
  while (true) {
    const absl::StatusOr<bool> any = (*reader)->Next(row);
    table.status = any.status();
    if (!any.ok() || !*any) return table;
    table.rows.push_back({row.number, row.line, {}, std::string(row.json), row.error});
    for (const std::string_view field : row.fields) table.rows.back().fields.emplace_back(field);
  }
}

Table ReadRows(std::string text, RowFormat format = RowFormat::kCsv, std::size_t step = SIZE_MAX) {
  return Drain(MakeRowReader(std::make_unique<StringSource>(std::move(text), step), "rows.csv", format));
}

// A file without errors; the same however the bytes arrive.
Table Good(const std::string& text, RowFormat format = RowFormat::kCsv) {
  Table whole = ReadRows(text, format);
  EXPECT_TRUE(whole.status.ok()) << whole.status;
  const Table pieces = ReadRows(text, format, 1);
  EXPECT_TRUE(pieces.status.ok()) << pieces.status;
  EXPECT_EQ(pieces.columns, whole.columns);
  EXPECT_EQ(pieces.rows.size(), whole.rows.size());
  for (std::size_t i = 0; i < std::min(pieces.rows.size(), whole.rows.size()); ++i) {
    EXPECT_EQ(pieces.rows[i].fields, whole.rows[i].fields);
    EXPECT_EQ(pieces.rows[i].json, whole.rows[i].json);
    EXPECT_EQ(pieces.rows[i].line, whole.rows[i].line);
  }
  return whole;
}

std::string Problem(const std::string& text, RowFormat format = RowFormat::kCsv) {
  const Table table = ReadRows(text, format);
  EXPECT_FALSE(table.status.ok()) << text;
  return std::string(table.status.message());
}

std::vector<std::string> Fields(const std::string& record) {
  const Table table = Good("a,b\n" + record);
  EXPECT_EQ(table.rows.size(), 1U) << record;
  if (table.rows.empty()) return {};
  EXPECT_EQ(table.rows[0].error, "");
  return table.rows[0].fields;
}

TEST(Csv, TheFirstLineNamesTheColumns) {
  const Table table = Good("email, name ,\"city, land\"\na@b.c,Zoë,\"Köln, DE\"\n");
  EXPECT_THAT(table.columns, ElementsAre("email", "name", "city, land"));
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_THAT(table.rows[0].fields, ElementsAre("a@b.c", "Zoë", "Köln, DE"));
  EXPECT_EQ(table.rows[0].json, "");
  EXPECT_EQ(table.rows[0].number, 1U);
  EXPECT_EQ(table.rows[0].line, 2U);
}

// Whatever there is room for while it is read: with its line end it has 2^20 octets at most.
TEST(Csv, ARowOfOneMegabyteIsTheLongest) {
  const std::string most(std::size_t{1} << 20, 'x');
  const std::string row = most.substr(0, most.size() - 3) + ",2\n";
  EXPECT_EQ(ReadRows("a,b\n" + row).rows.size(), 1U);
  EXPECT_THAT(Problem("a,b\nx" + row), HasSubstr("rows.csv:2: a row longer than 1 MB"));
  const std::string line = "{\"a\":\"" + most.substr(0, most.size() - 9) + "\"}\n";
  EXPECT_EQ(ReadRows(line, RowFormat::kNdjson).rows.size(), 1U);
  EXPECT_THAT(Problem(" " + line, RowFormat::kNdjson), HasSubstr("rows.csv:1: a line longer than 1 MB"));
}

TEST(Csv, QuotesMayHoldSeparatorsLinesAndDoubledQuotes) {
  EXPECT_THAT(Fields("\"x,y\",2\n"), ElementsAre("x,y", "2"));
  EXPECT_THAT(Fields("\"x\ny\r\nz\",2\n"), ElementsAre("x\ny\r\nz", "2"));
  EXPECT_THAT(Fields("\"say \"\"hi\"\"\",\"\"\"\"\n"), ElementsAre("say \"hi\"", "\""));
  EXPECT_THAT(Fields("\"\",\"\"\n"), ElementsAre("", ""));
  EXPECT_THAT(Fields("\"\"\"a\"\"\",\"\"\"b\"\"\"\r\n"), ElementsAre("\"a\"", "\"b\""));
}

TEST(Csv, AQuoteWithinAnUnquotedFieldIsACharacter) {
  EXPECT_THAT(Fields("5\" pipe,a\"b\"\n"), ElementsAre("5\" pipe", "a\"b\""));
}

TEST(Csv, SpaceWithinFieldsStays) { EXPECT_THAT(Fields(" x , y \n"), ElementsAre(" x ", " y ")); }

TEST(Csv, LinesEndWithLfOrCrlfOrTheFile) {
  EXPECT_THAT(Fields("1,2\r\n"), ElementsAre("1", "2"));
  EXPECT_THAT(Fields("1,\"2\"\r\n"), ElementsAre("1", "2"));
  EXPECT_THAT(Fields("1,2"), ElementsAre("1", "2"));
  EXPECT_THAT(Fields("1,\"2\""), ElementsAre("1", "2"));
  EXPECT_THAT(Fields("1,"), ElementsAre("1", ""));
  EXPECT_THAT(Fields("1,2\r"), ElementsAre("1", "2"));
  EXPECT_THAT(Good("a,b\r\n1,2\r\n3,4\r\n").rows[1].fields, ElementsAre("3", "4"));
}

TEST(Csv, AByteOrderMarkIsNoPartOfTheFirstColumn) {
  EXPECT_THAT(Good("\xEF\xBB\xBF"
                   "email,name\na,b\n")
                  .columns,
              ElementsAre("email", "name"));
  EXPECT_THAT(Good("\xEF\xBB\xBF\"email\",name\na,b\n").columns, ElementsAre("email", "name"));
}

TEST(Csv, TheSeparatorIsTheOneThatTheHeaderHasMostOf) {
  EXPECT_THAT(Good("a\tb\tc\n1,5\t2\t3\n").rows[0].fields, ElementsAre("1,5", "2", "3"));
  EXPECT_THAT(Good("a;b\n1,5;2\n").rows[0].fields, ElementsAre("1,5", "2"));
  EXPECT_THAT(Good("a,b\n1;5,2\n").rows[0].fields, ElementsAre("1;5", "2"));
  EXPECT_THAT(Good("email\na;b\n").rows[0].fields, ElementsAre("a;b"));
}

TEST(Csv, SeparatorsWithinQuotesOfTheHeaderDoNotCount) {
  const Table table = Good("\"name, first, middle\";email\nx;y\n");
  EXPECT_THAT(table.columns, ElementsAre("name, first, middle", "email"));
}

TEST(Csv, RowsAreNumberedByRecordAndLinesByTheFile) {
  const Table table = Good("a,b\n1,\"x\ny\nz\"\n\n\r\n2,2\n3,3\n");
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].line, 2U);
  EXPECT_EQ(table.rows[1].line, 7U);
  EXPECT_EQ(table.rows[1].number, 2U);
  EXPECT_EQ(table.rows[2].line, 8U);
  EXPECT_EQ(table.rows[2].number, 3U);
}

TEST(Csv, ARowOfAnotherWidthIsInvalidAndTheNextOneIsRead) {
  const Table table = Good("a,b\n1\n1,2,3\n1,2\n");
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].error, "1 columns where the header has 2");
  EXPECT_EQ(table.rows[1].error, "3 columns where the header has 2");
  EXPECT_EQ(table.rows[2].error, "");
}

TEST(Csv, HeadersThatCannotBeAreErrors) {
  EXPECT_EQ(Problem(""), "rows.csv:1: the file is empty; the first line names the columns");
  EXPECT_EQ(Problem("email,,name\n"), "rows.csv:1: a column without a name");
  EXPECT_EQ(Problem("\na@b.c\n"), "rows.csv:1: a column without a name");
  EXPECT_EQ(Problem("email,name, email\n"), "rows.csv:1: the column \"email\" comes twice");
  EXPECT_EQ(Problem("email,sluice\n"), "rows.csv:1: the column name \"sluice\" is reserved");
}

TEST(Csv, WhatMakesTheFileUnreadableNamesTheLine) {
  EXPECT_EQ(Problem("a,b\n1,2\n\"x,2\n3,4\n"), "rows.csv:3: a quote that does not end");
  EXPECT_THAT(Problem("a,b\n\"1\n1\",2\n\"x\"y,2\n"), HasSubstr("rows.csv:4: text after a closing quote"));
  EXPECT_THAT(Problem("a,b\n1,2\nZo\xEB,2\n"), HasSubstr("rows.csv:3: not UTF-8"));
  EXPECT_THAT(Problem(std::string("a,b\n1,\0\n", 8)), HasSubstr("rows.csv:2: a NUL byte"));
  EXPECT_THAT(Problem(std::string("\xFF\xFE"
                                  "a\0,\0b\0\n\0",
                                  10)),
              HasSubstr("rows.csv:1: not UTF-8"));
}

TEST(Csv, RowsBeforeTheUnreadableOneAreRead) {
  const Table table = ReadRows("a,b\n1,2\n\"x,2\n");
  EXPECT_FALSE(table.status.ok());
  EXPECT_EQ(table.rows.size(), 1U);
}

TEST(Csv, ALongRowIsReadAndATooLongOneIsAnError) {
  const std::string half(500'000, 'x');
  EXPECT_EQ(ReadRows("a,b\n" + half + ",\"" + half + "\"\n1,2\n", RowFormat::kCsv, 4096).rows[0].fields[1], half);
  EXPECT_THAT(Problem("a,b\n1,2\n\"" + half + half + half + half), HasSubstr("rows.csv:3: a row longer than 1 MB"));
}

TEST(Csv, ManyRowsComeThroughAWindowThatMoves) {
  std::string text = "id,text\n";
  for (int i = 0; i < 30'000; ++i)
    text += std::to_string(i) + ",\"line one\nline \"\"" + std::to_string(i) + "\"\"\"\n";
  const Table table = ReadRows(text, RowFormat::kCsv, 100'003);
  ASSERT_TRUE(table.status.ok()) << table.status;
  ASSERT_EQ(table.rows.size(), 30'000U);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    ASSERT_EQ(table.rows[i].fields[0], std::to_string(i));
    ASSERT_EQ(table.rows[i].fields[1], "line one\nline \"" + std::to_string(i) + "\"");
    ASSERT_EQ(table.rows[i].line, 2 + 2 * i);
  }
}

TEST(Ndjson, EveryLineIsARow) {
  const Table table = Good("{\"email\":\"a@b.c\"}\r\n\n  {\"email\":\"d@e.f\"} \n{}", RowFormat::kNdjson);
  EXPECT_EQ(table.format, RowFormat::kNdjson);
  EXPECT_THAT(table.columns, IsEmpty());
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].json, "{\"email\":\"a@b.c\"}");
  EXPECT_EQ(table.rows[1].json, "{\"email\":\"d@e.f\"}");
  EXPECT_EQ(table.rows[1].number, 2U);
  EXPECT_EQ(table.rows[1].line, 3U);
  EXPECT_EQ(table.rows[2].json, "{}");
  EXPECT_EQ(table.rows[2].line, 4U);
}

TEST(Ndjson, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(Good("\xEF\xBB\xBF{\"a\":1}\n", RowFormat::kNdjson).rows[0].json, "{\"a\":1}");
}

TEST(Ndjson, WhatMakesTheFileUnreadableNamesTheLine) {
  EXPECT_THAT(Problem("{}\n{\"a\":\"\xEB\"}\n", RowFormat::kNdjson), HasSubstr("rows.csv:2: not UTF-8"));
  EXPECT_THAT(Problem("{}\n\n" + std::string(3u << 20, ' '), RowFormat::kNdjson),
              HasSubstr("rows.csv:3: a line longer than 1 MB"));
}

TEST(Ndjson, AnEmptyFileHasNoRows) { EXPECT_THAT(Good("", RowFormat::kNdjson).rows, IsEmpty()); }

TEST(Listmonk, AttributesBecomeFieldsOfTheRow) {
  const Table table =
      Good("email,name,attributes\na@b.c,Zoë,\"{\"\"city\"\": \"\"Köln\"\", \"\"email\"\": \"\"x\"\"}\"\nd@e.f,,\n");
  EXPECT_EQ(table.format, RowFormat::kNdjson);
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].json,
            R"({"attributes":{"city":"Köln","email":"x"},"city":"Köln","email":"a@b.c","name":"Zoë"})");
  EXPECT_EQ(table.rows[1].json, R"({"attributes":{},"email":"d@e.f","name":""})");
  EXPECT_EQ(table.rows[1].line, 3U);
}

TEST(Listmonk, ARowWhoseAttributesAreNoObjectIsInvalid) {
  const Table table = Good("email,name,attributes\na@b.c,Z,[1]\na@b.c,Z,nonsense\na@b.c\na@b.c,Z,{}\n");
  ASSERT_EQ(table.rows.size(), 4U);
  EXPECT_EQ(table.rows[0].error, "the column attributes is no JSON object");
  EXPECT_EQ(table.rows[1].error, "the column attributes is no JSON object");
  EXPECT_EQ(table.rows[2].error, "1 columns where the header has 3");
  EXPECT_EQ(table.rows[3].error, "");
}

TEST(Listmonk, AttributesNestedWithoutEndMakeTheRowInvalid) {
  const std::string deep = "{\"a\":" + std::string(400'000, '[') + std::string(400'000, ']') + "}";
  std::string quoted;
  for (const char c : deep) quoted += c == '"' ? "\"\"" : std::string(1, c);
  const Table table = ReadRows("email,name,attributes\na@b.c,Z,\"" + quoted + "\"\nd@e.f,Z,{}\n");
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].error, "the column attributes is nested deeper than 32");
  EXPECT_EQ(table.rows[1].error, "");
}

TEST(OpenRows, GoesByTheNameOfTheFile) {
  const ScratchFolder folder;
  EXPECT_THAT(Drain(OpenRows(folder.Write("r.csv", "{\"a\",b\n"))).columns, ElementsAre("{\"a\"", "b"));
  EXPECT_EQ(Drain(OpenRows(folder.Write("r.tsv", "a\tb\n1\t2\n"))).rows[0].fields[1], "2");
  for (const char* name : {"r.ndjson", "r.jsonl"}) {
    EXPECT_EQ(Drain(OpenRows(folder.Write(name, "{\"a\":1}\n"))).rows[0].json, "{\"a\":1}");
  }
  for (const char* name : {"r.csv.gz", "r.csv.zst"}) {
    EXPECT_EQ(Drain(OpenRows(folder.Write(name, testing::Gzip("a,b\n1,2\n")))).rows[0].fields[1], "2");
  }
  EXPECT_EQ(Drain(OpenRows(folder.Write("r.ndjson.zst", testing::Zstd("{}\n")))).rows[0].json, "{}");
  for (const char* name : {"r.txt", "r.gz", "r", "r.xlsx"}) {
    EXPECT_THAT(std::string(Drain(OpenRows(folder.Write(name, "a,b\n"))).status.message()),
                HasSubstr("not a recipients file; its name ends with .csv, .tsv or .ndjson"));
  }
  EXPECT_EQ(Drain(OpenRows(folder.Path("missing.csv"))).status.code(), absl::StatusCode::kNotFound);
}

TEST(OpenRows, AFileThatIsCutShortIsAnErrorNotItsEnd) {
  const ScratchFolder folder;
  std::string rows = "a,b\n";
  for (int i = 0; i < 5000; ++i) rows += std::to_string(i * 7919) + ",x\n";
  const std::string compressed = testing::Gzip(rows);
  const Table table = Drain(OpenRows(folder.Write("r.csv.gz", compressed.substr(0, compressed.size() / 2))));
  EXPECT_THAT(std::string(table.status.message()), HasSubstr("the gzip file is cut short"));
}

}  // namespace
}  // namespace campaign
