#include "engine/smtp/command.h"

namespace smtp {

std::string_view ToString(Command command) {
  switch (command) {
    case Command::kConnect:
      return "connect";
    case Command::kGreeting:
      return "greeting";
    case Command::kEhlo:
      return "EHLO";
    case Command::kHelo:
      return "HELO";
    case Command::kAuth:
      return "AUTH";
    case Command::kStartTls:
      return "STARTTLS";
    case Command::kTls:
      return "TLS";
    case Command::kRset:
      return "RSET";
    case Command::kMail:
      return "MAIL";
    case Command::kRcpt:
      return "RCPT";
    case Command::kData:
      return "DATA";
    case Command::kDot:
      return ".";
    case Command::kBdat:
      return "BDAT";
    case Command::kQuit:
      return "QUIT";
  }
  return "";
}

}  // namespace smtp
