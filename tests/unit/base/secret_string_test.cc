#include "engine/base/secret_string.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace base {
namespace {

constexpr char kShort[] = "0123456789";  // It lies in the object.

TEST(SecretString, IsAString) {
  SecretString a(std::string(100, 'k'));
  const SecretString b = a;
  EXPECT_EQ(a, b);
  EXPECT_EQ(std::string_view(b), std::string(100, 'k'));
  a = "other";
  EXPECT_FALSE(a == b);
  EXPECT_EQ(std::string_view(a), "other");
}

class SecretStringMemory : public testing::Test {
 protected:
  bool Has(std::string_view text) const {
    return std::search(memory_.begin(), memory_.end(), text.begin(), text.end(),
                       [](std::byte byte, char c) { return static_cast<char>(byte) == c; }) != memory_.end();
  }
  alignas(SecretString) std::array<std::byte, sizeof(SecretString)> memory_ = {};
};

TEST_F(SecretStringMemory, NothingStaysWhereItWas) {
  auto* const secret = new (memory_.data()) SecretString(kShort);
  ASSERT_TRUE(Has(kShort));
  std::destroy_at(secret);
  EXPECT_FALSE(Has("0123"));
}

TEST_F(SecretStringMemory, NothingStaysWhereItWasMovedFrom) {
  auto* const secret = new (memory_.data()) SecretString(kShort);
  const SecretString other = std::move(*secret);
  EXPECT_FALSE(Has("0123"));
  EXPECT_EQ(std::string_view(other), kShort);
  std::destroy_at(secret);
}

TEST(SecretString, AStringThatBecomesSecretIsEmptyThen) {
  std::string text = kShort;
  const SecretString secret(std::move(text));
  EXPECT_EQ(std::string_view(secret), kShort);
}

}  // namespace
}  // namespace base
