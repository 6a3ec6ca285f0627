#include "engine/base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace base {
namespace {

constexpr std::uint32_t kMatchLimit = 100'000;  // Steps of one search: no text holds up a shard.

struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

PCRE2_SPTR Bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct Pattern::Code {
  explicit Code(pcre2_code* of) : code(of) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }
  pcre2_code* const code;
};

absl::StatusOr<Pattern> Pattern::Compile(std::string_view text) {
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* const code = pcre2_compile(Bytes(text), text.size(), 0, &error, &offset, nullptr);
  if (code == nullptr) {
    char message[256] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    return absl::InvalidArgumentError(
        absl::StrCat("\"", AbslView(text), "\" is no regular expression: ", message, " (at ", offset, ")"));
  }
  return Pattern(std::make_shared<const Code>(code));
}

bool Pattern::IsIn(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, MatchDataDeleter> data(pcre2_match_data_create(1, nullptr));
  const std::unique_ptr<pcre2_match_context, MatchContextDeleter> limits(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(limits.get(), kMatchLimit);
  // 0: it fits, and the one place for what it found is not enough.
  return pcre2_match(code_->code, Bytes(text), text.size(), 0, 0, data.get(), limits.get()) >= 0;
}

}  // namespace base
