#include "tools/sandbox/smtp_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tools/sandbox/smtp_syntax.h"

namespace sandbox {
namespace {

constexpr std::size_t kLineMax = 512;  // With CRLF: RFC 5321 §4.5.3.1.4.
// What the MAIL command may be longer by, where the extension is offered.
constexpr std::size_t kSizeAllowance = 26;      // RFC 1870 §3
constexpr std::size_t kBodyAllowance = 17;      // RFC 1652 §2
constexpr std::size_t kSmtpUtf8Allowance = 10;  // RFC 6531 §3.1

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return true;
  }
  return false;
}

bool HasNonAscii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return true;
  }
  return false;
}

}  // namespace

void SmtpServer::Start() { Answer(Phase::kGreeting, 220, "", absl::StrCat(options_.host_name, " ESMTP")); }

void SmtpServer::Receive(std::string_view bytes) {
  while (!bytes.empty() && !closed_) {
    const std::size_t before = output_.size();
    ends_group_ = false;
    switch (state_) {
      case State::kCommand:
        ReceiveCommand(bytes);
        break;
      case State::kData:
        ReceiveData(bytes);
        break;
      case State::kChunk:
        ReceiveChunk(bytes);
        break;
      case State::kStartTls:
        handler_.OnViolation("bytes in clear behind STARTTLS");
        return;
    }
    if (bytes.empty() || closed_ || wants_tls() || output_.size() == before) continue;
    // The client did not wait for this reply.
    if (!Offers(Extension::kPipelining)) {
      handler_.OnViolation("command sent before the reply to the one before, without PIPELINING");
    } else if (ends_group_) {
      handler_.OnViolation("command sent in one group with EHLO, HELO, DATA, VRFY, NOOP or QUIT before it");
    }
  }
}

void SmtpServer::ReceiveCommand(std::string_view& bytes) {
  const std::size_t lf = bytes.find('\n');
  if (lf == std::string_view::npos) {
    // Nothing of an over-long line is kept but the fact.
    if (line_.size() + bytes.size() > LineMax()) line_too_long_ = true;
    if (!line_too_long_) line_.append(bytes);
    bytes = {};
    return;
  }
  const std::string_view piece = bytes.substr(0, lf + 1);
  bytes.remove_prefix(lf + 1);
  const std::string begin = std::exchange(line_, {});
  if (std::exchange(line_too_long_, false) || begin.size() + piece.size() > LineMax()) {
    Refuse("command line too long", 500, "5.5.2", "Line too long");
  } else if (begin.empty()) {
    OnLine(piece);
  } else {
    OnLine(absl::StrCat(begin, base::AbslView(piece)));
  }
}

void SmtpServer::OnLine(std::string_view line) {
  line.remove_suffix(1);
  if (line.empty() || line.back() != '\r') {
    return Refuse("command line ends with a bare LF", 500, "5.5.2", "Lines end with CRLF");
  }
  line.remove_suffix(1);
  if (HasControl(line)) return Refuse("control character in a command", 500, "5.5.2", "Control character");
  if (HasNonAscii(line) && !Offers(Extension::kSmtpUtf8)) {
    return Refuse("8-bit character in a command, without SMTPUTF8", 500, "5.5.2", "8-bit character");
  }
  if (!line.empty() && line.back() == ' ') {
    handler_.OnViolation("space at the end of a command");
    while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  }
  const std::size_t space = line.find(' ');
  Dispatch(line.substr(0, space), space == std::string_view::npos ? std::string_view() : line.substr(space + 1));
}

void SmtpServer::Dispatch(std::string_view verb, std::string_view argument) {
  const auto is = [verb](std::string_view name) { return base::EqualsIgnoreCase(verb, name); };
  if (is("MAIL")) return OnMail(argument);
  if (is("RCPT")) return OnRcpt(argument);
  if (is("BDAT")) return OnBdat(argument);
  if (is("DATA")) return OnData(argument);
  if (is("RSET")) return OnRset(argument);
  ends_group_ = true;
  if (is("EHLO")) return OnHello(argument, true);
  if (is("HELO")) return OnHello(argument, false);
  if (is("STARTTLS")) return OnStartTls(argument);
  if (is("NOOP")) {
    Answer(Phase::kNoop, 250, "2.0.0", "Ok");
  } else if (is("VRFY")) {
    if (argument.empty()) return Refuse("VRFY without an argument", 501, "5.5.4", "Syntax: VRFY address");
    Answer(Phase::kVrfy, 252, "2.1.5", "Cannot verify, but will take mail and try to deliver it");
  } else if (is("QUIT")) {
    if (!argument.empty()) return Refuse("QUIT with an argument", 501, "5.5.4", "Syntax: QUIT");
    if (Answer(Phase::kQuit, 221, "2.0.0", "Bye")) closed_ = true;
  } else {
    Refuse("unknown command, or one that was not offered", 500, "5.5.2", "Command not recognised");
  }
}

void SmtpServer::OnHello(std::string_view argument, bool extended) {
  if (!IsHelloName(argument)) {
    return Refuse("EHLO or HELO without a domain or address literal", 501, "5.5.4", "Syntax: EHLO domain");
  }
  transaction_.hello = argument;
  transaction_.extended = extended;
  const Decision decision = Ask(extended ? Phase::kEhlo : Phase::kHelo);
  if (decision.action != Decision::Action::kAccept) {
    transaction_.extended = false;
    Apply(decision, '2');
    return;
  }
  has_hello_ = true;
  ResetTransaction();
  if (!extended) return Say(250, "", options_.host_name);
  std::string last = absl::StrCat(options_.host_name, " greets ", base::AbslView(argument));
  for (std::size_t i = 0; i < kExtensionKeywords.size(); ++i) {
    const Extension extension = static_cast<Extension>(i);
    if (!options_.extensions.Has(extension)) continue;
    if (extension == Extension::kStartTls && !OffersStartTls()) continue;
    absl::StrAppend(&output_, "250-", last, "\r\n");
    last = std::string(kExtensionKeywords[i]);
    if (extension == Extension::kSize) absl::StrAppend(&last, " ", options_.size_max);
  }
  absl::StrAppend(&output_, "250 ", last, "\r\n");
}

void SmtpServer::OnMail(std::string_view argument) {
  if (!has_hello_) return Refuse("MAIL before EHLO", 503, "5.5.1", "EHLO first");
  if (in_mail_) return Refuse("MAIL inside a transaction, without RSET", 503, "5.5.1", "Sender already given");
  const auto path = ParsePathArgument(argument, "FROM:");
  if (!path) return Refuse("malformed MAIL", 501, "5.5.4", "Syntax: MAIL FROM:<address>");
  ResetTransaction();
  if (!MailParameters(path->parameters)) return;
  if (!path->mailbox.empty() && !IsMailbox(path->mailbox, transaction_.smtputf8)) {
    return Refuse("malformed sender address", 501, "5.1.7", "Bad sender address syntax");
  }
  transaction_.sender = path->mailbox;
  in_mail_ = Answer(Phase::kMail, 250, "2.1.0", "Ok");
}

bool SmtpServer::MailParameters(std::string_view rest) {
  bool has_size = false;
  bool has_body = false;
  while (!rest.empty()) {
    const auto parameter = TakeParameter(rest);
    const auto is = [&](std::string_view name, Extension extension) {
      return parameter && base::EqualsIgnoreCase(parameter->keyword, name) && Offers(extension);
    };
    if (is("SIZE", Extension::kSize) && !has_size && parameter->value) {
      const auto size = base::ParseInteger<std::uint64_t>(*parameter->value);
      has_size = size.has_value();
      if (has_size) transaction_.declared_size = *size;
      if (has_size && *size > options_.size_max) {
        Refuse("SIZE above the maximum that was announced", 552, "5.3.4", "Message too big");
        return false;
      }
      if (has_size) continue;
    } else if (is("BODY", Extension::kEightBitMime) && !has_body && parameter->value) {
      has_body = true;
      transaction_.eight_bit = base::EqualsIgnoreCase(*parameter->value, "8BITMIME");
      if (transaction_.eight_bit || base::EqualsIgnoreCase(*parameter->value, "7BIT")) continue;
    } else if (is("SMTPUTF8", Extension::kSmtpUtf8) && !transaction_.smtputf8 && !parameter->value) {
      transaction_.smtputf8 = true;
      continue;
    }
    Refuse("MAIL parameter that is malformed, repeated or not offered", 555, "5.5.4", "Unsupported parameter");
    return false;
  }
  return true;
}

void SmtpServer::OnRcpt(std::string_view argument) {
  const auto path = ParsePathArgument(argument, "TO:");
  if (!path) return Refuse("malformed RCPT", 501, "5.5.4", "Syntax: RCPT TO:<address>");
  if (!path->parameters.empty()) {
    return Refuse("RCPT parameter that was not offered", 555, "5.5.4", "Unsupported parameter");
  }
  if (!IsMailbox(path->mailbox, transaction_.smtputf8) && !base::EqualsIgnoreCase(path->mailbox, "postmaster")) {
    return Refuse("malformed recipient address", 501, "5.1.3", "Bad recipient address syntax");
  }
  if (!in_mail_) return OutOfSequence("RCPT without MAIL", 503, "MAIL first");
  if (transaction_.chunked) return Refuse("RCPT after BDAT", 503, "5.5.1", "RCPT after BDAT");
  if (transaction_.recipients.size() >= options_.recipients_max) return Say(452, "4.5.3", "Too many recipients");
  transaction_.recipient = path->mailbox;
  if (Answer(Phase::kRcpt, 250, "2.1.5", "Ok")) transaction_.recipients.emplace_back(path->mailbox);
  transaction_.recipient = {};
}

void SmtpServer::OnData(std::string_view argument) {
  ends_group_ = true;
  if (!argument.empty()) return Refuse("DATA with an argument", 501, "5.5.4", "Syntax: DATA");
  if (transaction_.chunked) return Refuse("DATA after BDAT", 503, "5.5.1", "DATA after BDAT");
  if (!in_mail_) return OutOfSequence("DATA without MAIL", 503, "MAIL first");
  if (transaction_.recipients.empty()) return OutOfSequence("DATA without a recipient", 554, "No valid recipients");
  if (!Answer(Phase::kData, 354, "", "End data with <CR><LF>.<CR><LF>")) {
    if (!closed_) ResetTransaction();
    return;
  }
  state_ = State::kData;
  reader_.Start();
  checker_.Start();
  wants_content_ = true;
}

void SmtpServer::OnBdat(std::string_view argument) {
  const auto chunk = ParseChunkArgument(argument);
  if (!chunk || !Offers(Extension::kChunking)) {
    // What follows could be content or commands: nobody can tell.
    Refuse("BDAT that is malformed or not offered", chunk ? 502 : 501, "5.5.4", "Bad BDAT");
    closed_ = true;
    return;
  }
  state_ = State::kChunk;
  chunk_size_ = chunk_left_ = chunk->size;
  chunk_last_ = chunk->last;
  discard_ = !in_mail_ || transaction_.recipients.empty() || chunk_refused_;
  if (!discard_ && !transaction_.chunked) {
    transaction_.chunked = true;
    checker_.Start();
    wants_content_ = true;
  }
  if (chunk_left_ == 0) FinishChunk();
}

void SmtpServer::OnRset(std::string_view argument) {
  if (!argument.empty()) return Refuse("RSET with an argument", 501, "5.5.4", "Syntax: RSET");
  if (Answer(Phase::kRset, 250, "2.0.0", "Ok")) ResetTransaction();
}

bool SmtpServer::OffersStartTls() const {
  return can_start_tls_ && !transaction_.encrypted && Offers(Extension::kStartTls);
}

void SmtpServer::OnStartTls(std::string_view argument) {
  if (transaction_.encrypted) return Refuse("STARTTLS under TLS", 503, "5.5.1", "TLS is on already");
  if (!OffersStartTls()) {
    return Refuse("unknown command, or one that was not offered", 500, "5.5.2", "Command not recognised");
  }
  if (!argument.empty()) return Refuse("STARTTLS with an argument", 501, "5.5.4", "Syntax: STARTTLS");
  if (Answer(Phase::kStartTls, 220, "2.0.0", "Ready to start TLS")) state_ = State::kStartTls;
}

void SmtpServer::OnTlsOpen() {
  CHECK(wants_tls());
  state_ = State::kCommand;
  has_hello_ = false;
  ResetTransaction();
  transaction_.hello.clear();
  transaction_.extended = false;
  transaction_.encrypted = true;
}

void SmtpServer::ResetTransaction() {
  in_mail_ = false;
  chunk_refused_ = false;
  transaction_.sender.clear();
  transaction_.recipients.clear();
  transaction_.declared_size = 0;
  transaction_.size = 0;
  transaction_.eight_bit = false;
  transaction_.smtputf8 = false;
  transaction_.chunked = false;
}

std::size_t SmtpServer::LineMax() const {
  std::size_t max = kLineMax;
  if (Offers(Extension::kSize)) max += kSizeAllowance;
  if (Offers(Extension::kEightBitMime)) max += kBodyAllowance;
  if (Offers(Extension::kSmtpUtf8)) max += kSmtpUtf8Allowance;
  return max;
}

Decision SmtpServer::Ask(Phase phase) {
  const Decision decision = handler_.Decide(phase, transaction_);
  delay_ = std::max(delay_, decision.delay);
  return decision;
}

bool SmtpServer::Answer(Phase phase, int code, std::string_view enhanced, std::string_view text) {
  const Decision decision = Ask(phase);
  if (decision.action != Decision::Action::kAccept) return Apply(decision, phase == Phase::kData ? '3' : '2');
  Say(code, enhanced, text);
  return true;
}

bool SmtpServer::Apply(const Decision& decision, char accepting) {
  switch (decision.action) {
    case Decision::Action::kAccept:
      return true;
    case Decision::Action::kReply:
      output_.append(decision.reply).append("\r\n");
      return !decision.reply.empty() && decision.reply.front() == accepting;
    case Decision::Action::kReplyAndClose:
      output_.append(decision.reply).append("\r\n");
      closed_ = true;
      return false;
    case Decision::Action::kHangUp:
      closed_ = true;
      return false;
  }
  return false;
}

void SmtpServer::Say(int code, std::string_view enhanced, std::string_view text) {
  const char digits[] = {static_cast<char>('0' + code / 100), static_cast<char>('0' + code / 10 % 10),
                         static_cast<char>('0' + code % 10), ' '};
  output_.append(digits, sizeof digits);
  if (!enhanced.empty() && Offers(Extension::kEnhancedStatusCodes)) output_.append(enhanced).append(" ");
  output_.append(text).append("\r\n");
}

void SmtpServer::Refuse(std::string_view violation, int code, std::string_view enhanced, std::string_view text) {
  handler_.OnViolation(violation);
  Say(code, enhanced, text);
}

void SmtpServer::OutOfSequence(std::string_view violation, int code, std::string_view text) {
  // Whoever pipelines could not know yet that the command before was refused (RFC 2920 §3.1).
  if (!Offers(Extension::kPipelining)) handler_.OnViolation(violation);
  Say(code, "5.5.1", text);
}

}  // namespace sandbox
