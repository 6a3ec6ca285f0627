#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/message/template.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/unit/message/mustache_rules.h"

namespace message {
namespace {

using Json = nlohmann::ordered_json;

// JSON as template values; keeps their memory.
class Data {
 public:
  Value Of(const Json& json) {
    switch (json.type()) {
      case Json::value_t::null:
        return {};
      case Json::value_t::boolean:
        return json.get<bool>() ? Keep("true") : Value{Value::Kind::kFalse, {}, {}, {}};
      case Json::value_t::string:
        return Keep(json.get<std::string>());
      case Json::value_t::array: {
        std::vector<Value> items;
        for (const Json& item : json) items.push_back(Of(item));
        lists_.push_back(std::move(items));
        return {Value::Kind::kList, {}, lists_.back(), {}};
      }
      case Json::value_t::object: {
        std::vector<Member> members;
        for (const auto& [key, value] : json.items()) members.push_back({Keep(key).text, Of(value)});
        objects_.push_back(std::move(members));
        return {Value::Kind::kObject, {}, {}, objects_.back()};
      }
      default:
        return Keep(json.dump());
    }
  }

 private:
  Value Keep(std::string text) {
    texts_.push_back(std::move(text));
    return Value::Text(texts_.back());
  }
  std::deque<std::string> texts_;
  std::deque<std::vector<Value>> lists_;
  std::deque<std::vector<Member>> objects_;
};

TEST(Mustache, TheRulesOfTheSpecificationHold) {
  for (const testing::MustacheRule& rule : testing::kMustacheRules) {
    SCOPED_TRACE(std::string(rule.what) + ": " + std::string(rule.source));
    std::vector<Partial> partials;
    if (!rule.partials.empty()) {
      const Json texts = Json::parse(rule.partials);
      for (const auto& [name, text] : texts.items()) partials.push_back({name, {text.get<std::string>(), name, 1}});
    }
    const absl::StatusOr<Template> compiled = Template::Compile(rule.source, "t", 1, Escape::kHtml, partials);
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    Data data;
    const Value row = data.Of(Json::parse(rule.data));
    std::string out;
    ASSERT_TRUE(compiled->Render(absl::MakeConstSpan(&row, 1), OnMissing::kEmpty, out).ok());
    EXPECT_EQ(out, rule.expected);
  }
}

}  // namespace
}  // namespace message
