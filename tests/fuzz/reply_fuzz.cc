// Module: smtp
// Replies must be read the same however the bytes are cut, and what they mean must be within what the tables know.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/smtp/normalize.h"
#include "engine/smtp/reply.h"
#include "engine/smtp/reply_policy.h"

namespace {

struct Read {
  std::vector<std::string> replies;
  bool garbage = false;
};

Read ReadAll(std::string_view bytes, std::size_t piece) {
  smtp::ReplyParser parser;
  Read read;
  for (std::size_t at = 0; at < bytes.size() && !read.garbage; at += piece) {
    std::string_view part = bytes.substr(at, piece);
    while (!part.empty() && !read.garbage) {
      smtp::Reply reply;
      switch (parser.Feed(part, reply)) {
        case smtp::ReplyParser::Result::kNeedMore:
          CHECK(part.empty());
          break;
        case smtp::ReplyParser::Result::kGarbage:
          read.garbage = true;
          break;
        case smtp::ReplyParser::Result::kReply:
          CHECK(reply.code >= 200 && reply.code <= 599 && !reply.lines.empty());
          CHECK(!reply.enhanced.IsPresent() || reply.enhanced.digits[0] == reply.first_digit());
          for (const char c : reply.text) CHECK(static_cast<unsigned char>(c) >= ' ');
          CHECK(smtp::NormalizeReplyText(reply.text).size() <= 200);
          if (!reply.IsPositive()) {
            static_cast<void>(smtp::Classify(reply, smtp::Command::kRcpt));
            const auto stated = smtp::StatedDuration(reply);
            CHECK(!stated.has_value() || *stated >= base::Duration());
          }
          read.replies.push_back(reply.ToString());
          break;
      }
    }
  }
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Read whole = ReadAll(bytes, size + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}}) {
    const Read cut = ReadAll(bytes, piece);
    CHECK(cut.replies == whole.replies && cut.garbage == whole.garbage);
  }
  return 0;
}
