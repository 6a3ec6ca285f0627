// Facts for the judge, as short as a test wants to say them.
#pragma once

#include <string>
#include <string_view>

#include "engine/smtp/client.h"
#include "engine/smtp/reply.h"
#include "gtest/gtest.h"

namespace smtp::testing {

// "550 5.1.1 no such user"
inline Reply Said(std::string_view line) {
  const std::string bytes = std::string(line) + "\r\n";
  std::string_view rest = bytes;
  ReplyParser parser;
  Reply reply;
  EXPECT_EQ(parser.Feed(rest, reply), ReplyParser::Result::kReply) << line;
  return reply;
}

// A transaction in which everything before the reply to `command` went well, and `line` was that reply.
inline TransactionResult Refused(Command command, std::string_view line) {
  const Reply ok = Said("250 2.0.0 ok");
  TransactionResult result;
  result.used_bdat = command == Command::kBdat;
  result.mail = command == Command::kMail ? Said(line) : ok;
  if (command == Command::kMail) return result;
  result.rcpt = command == Command::kRcpt ? Said(line) : ok;
  if (command == Command::kRcpt) return result;
  if (command == Command::kDot) result.data = Said("354 go");
  (command == Command::kData ? result.data : result.final_reply) = Said(line);
  result.completing_handed_over = command != Command::kData;
  return result;
}

}  // namespace smtp::testing
