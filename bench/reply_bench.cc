// What reading a server's replies costs. Time is CPU time per message: three replies, for MAIL, RCPT and BDAT, that
// come together; the argument is after how many octets the stream is cut.
#include <benchmark/benchmark.h>

#include <string_view>

#include "engine/smtp/reply.h"

namespace {

constexpr std::string_view kReplies =
    "250 2.1.0 Sender <bounce@bounces.example.com> is fine\r\n250 2.1.5 Recipient is fine\r\n"
    "250 2.0.0 Ok: queued as 4FZx3k2lQ9z\r\n";

void ParseReplies(benchmark::State& state) {
  const auto piece = static_cast<std::size_t>(state.range(0));
  smtp::ReplyParser parser;
  smtp::Reply reply;
  for (auto _ : state) {
    int replies = 0;
    for (std::size_t at = 0; at < kReplies.size(); at += piece) {
      std::string_view bytes = kReplies.substr(at, piece);
      while (parser.Feed(bytes, reply) == smtp::ReplyParser::Result::kReply) replies += reply.code == 250 ? 1 : 0;
    }
    if (replies != 3) return state.SkipWithError("a reply is missing");
  }
}
BENCHMARK(ParseReplies)->Arg(4096)->Arg(16);

}  // namespace
