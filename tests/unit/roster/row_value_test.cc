#include "engine/roster/row_value.h"

#include <string>
#include <vector>

#include "engine/roster/layout.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roster {
namespace {

using message::Member;
using message::Value;
using ::testing::HasSubstr;

// A value as one line, so that tests can compare whole rows: text in quotes, null, false, [..], {name: ..}.
std::string Show(const Value& value) {
  std::string out;
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kFalse:
      return "false";
    case Value::Kind::kText:
      return "'" + std::string(value.text) + "'";
    case Value::Kind::kList:
      for (const Value& item : value.items) out += (out.empty() ? "" : ", ") + Show(item);
      return "[" + out + "]";
    case Value::Kind::kObject:
      for (const Member& member : value.members)
        out += (out.empty() ? "" : ", ") + std::string(member.name) + ": " + Show(member.value);
      return "{" + out + "}";
  }
  return "?";
}

class RowValueTest : public ::testing::Test {
 protected:
  std::string Json(std::string_view json) {
    const absl::Status status = row.SetJson(json);
    return status.ok() ? Show(row.value()) : std::string(status.message());
  }
  std::string Columns(const std::vector<std::string_view>& fields) {
    row.SetColumns(fields);
    return Show(row.value());
  }

  std::vector<std::string> columns = {"email", "name", "city"};
  RowValue::Defaults defaults;
  RowValue row{columns, defaults};
};

TEST_F(RowValueTest, AColumnIsATextOfItsName) {
  EXPECT_EQ(Columns({"a@b.c", "Zoë", ""}), "{email: 'a@b.c', name: 'Zoë', city: ''}");
  EXPECT_EQ(row.Text("name"), "Zoë");
  EXPECT_EQ(row.Text("country"), "");
}

TEST_F(RowValueTest, DefaultsStandInForWhatIsBlankOrAbsent) {
  defaults = {{"name", "reader"}, {"country", "DE"}};
  EXPECT_EQ(Columns({"a@b.c", " \t", "Köln"}), "{email: 'a@b.c', name: 'reader', city: 'Köln', country: 'DE'}");
  EXPECT_EQ(Columns({"a@b.c", "Zoë", ""}), "{email: 'a@b.c', name: 'Zoë', city: '', country: 'DE'}");
  EXPECT_EQ(row.Text("country"), "DE");
}

TEST_F(RowValueTest, DefaultsStandInForJsonNullsOnlyAmongTheFalsy) {
  defaults = {{"name", "reader"}};
  EXPECT_EQ(Json(R"({"name": null})"), "{name: 'reader'}");
  EXPECT_EQ(Json(R"({"name": ""})"), "{name: 'reader'}");
  EXPECT_EQ(Json(R"({})"), "{name: 'reader'}");
  EXPECT_EQ(Json(R"({"name": false})"), "{name: false}");
  EXPECT_EQ(Json(R"({"name": []})"), "{name: []}");
  EXPECT_EQ(Json(R"({"name": 0})"), "{name: '0'}");
}

TEST_F(RowValueTest, JsonKeepsItsShape) {
  EXPECT_EQ(Json(R"({"a": "x", "b": true, "c": false, "d": null, "items": [{"n": "1"}, {"n": "2"}], "o": {"p": {}}})"),
            "{a: 'x', b: 'true', c: false, d: null, items: [{n: '1'}, {n: '2'}], o: {p: {}}}");
  EXPECT_EQ(row.Text("a"), "x");
  EXPECT_EQ(row.Text("items"), "");
  EXPECT_EQ(row.Text("d"), "");
}

TEST_F(RowValueTest, JsonTextsAreUnescaped) {
  EXPECT_EQ(Json(R"({"a": "\"q\" \u00eb \ud83d\ude00 \\ \n"})"), "{a: '\"q\" ë 😀 \\ \n'}");
}

// A customer number must not lose digits on its way into a mail.
TEST_F(RowValueTest, WholeNumbersKeepAllTheirDigits) {
  EXPECT_EQ(Json(R"({"a": 0, "b": -7, "c": 9007199254740993, "d": 18446744073709551615, "e": 1.5})"),
            "{a: '0', b: '-7', c: '9007199254740993', d: '18446744073709551615', e: '1.5'}");
}

TEST_F(RowValueTest, WhatIsNoJsonObjectIsAnError) {
  for (const char* bad : {"", "x", "[1]", "\"x\"", "5", "null", "{", "{\"a\":1", "{\"a\" 1}", "{'a': 1}", "{\"a\":1}x",
                          "{\"a\":\"\\ud800\"}"}) {
    EXPECT_EQ(Json(bad), "not a JSON object") << bad;
  }
  EXPECT_EQ(Json("{\"a\": \"still works\"}"), "{a: 'still works'}");
}

TEST_F(RowValueTest, NestingHasALimit) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_THAT(Json(nested(30)), HasSubstr("[[[["));
  EXPECT_EQ(Json(nested(40)), "nested deeper than 32");
  EXPECT_NE(row.SetJson(nested(400'000)), absl::OkStatus());
  EXPECT_EQ(Json("{\"a\": \"1\"}"), "{a: '1'}");
}

TEST_F(RowValueTest, NothingOfTheRowBeforeIsLeft) {
  EXPECT_EQ(Json(R"({"a": "1", "list": [1, 2, [3]]})"), "{a: '1', list: ['1', '2', ['3']]}");
  EXPECT_EQ(Json(R"({"b": {"c": 4}})"), "{b: {c: '4'}}");
  EXPECT_EQ(Columns({"x", "y", "z"}), "{email: 'x', name: 'y', city: 'z'}");
  EXPECT_EQ(row.Text("b"), "");
}

TEST_F(RowValueTest, PayloadsAreTheColumnsAsTexts) {
  std::string payload;
  for (const std::string_view field : {"a@b.c", "", "Köln"}) PutText(field, payload);
  ASSERT_TRUE(row.SetPayload(/*is_json=*/false, payload).ok());
  EXPECT_EQ(Show(row.value()), "{email: 'a@b.c', name: '', city: 'Köln'}");
  ASSERT_TRUE(row.SetPayload(/*is_json=*/true, R"({"name": "Zoë"})").ok());
  EXPECT_EQ(Show(row.value()), "{name: 'Zoë'}");
  payload.pop_back();
  EXPECT_EQ(row.SetPayload(/*is_json=*/false, payload).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(row.SetPayload(/*is_json=*/true, "nonsense").ok());
}

TEST(FieldReader, BeyondTheEndItIsEmptyAndNotOk) {
  std::string bytes;
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, UINT64_MAX})
    PutVarint(number, bytes);
  FieldReader in(bytes);
  EXPECT_EQ(in.Varint(), 0U);
  EXPECT_EQ(in.Varint(), 127U);
  EXPECT_EQ(in.Varint(), 128U);
  EXPECT_EQ(in.Varint(), UINT64_MAX);
  EXPECT_TRUE(in.ok() && in.AtEnd());
  EXPECT_EQ(in.Varint(), 0U);
  EXPECT_FALSE(in.ok());
  FieldReader cut(
      "\x05"
      "abcd");
  EXPECT_EQ(cut.Text(), "");
  EXPECT_FALSE(cut.ok());
  FieldReader endless("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
  endless.Varint();
  EXPECT_FALSE(endless.ok());
}

}  // namespace
}  // namespace roster
