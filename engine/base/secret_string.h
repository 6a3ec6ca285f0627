// A text that does not stay in memory: private keys. Whoever has it last, or moves it away, leaves zeros behind.
#pragma once

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace base {

class SecretString {
 public:
  SecretString() = default;
  SecretString(std::string text) : text_(std::move(text)) { Wipe(text); }  // NOLINT: it is a string.
  SecretString(std::string_view text) : text_(text) {}                     // NOLINT
  SecretString(const char* text) : text_(text) {}                          // NOLINT
  SecretString(const SecretString&) = default;
  SecretString(SecretString&& other) noexcept : text_(std::move(other.text_)) { Wipe(other.text_); }
  SecretString& operator=(SecretString other) noexcept {  // What was here goes with `other`.
    text_.swap(other.text_);
    return *this;
  }
  ~SecretString() { Wipe(text_); }

  operator std::string_view() const { return text_; }  // NOLINT
  friend bool operator==(const SecretString& a, const SecretString& b) { return a.text_ == b.text_; }

 private:
  static void Wipe(std::string& text) {
    text.resize(text.capacity());  // A short text is in the object itself, and stays there when it is moved.
    explicit_bzero(text.data(), text.size());
    text.clear();
  }
  std::string text_;
};

}  // namespace base
