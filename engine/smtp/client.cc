#include "engine/smtp/client.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace smtp {

std::string ConnectionFact::ToString() const {
  const std::string where(smtp::ToString(at));
  if (tls == TlsTrouble::kNotOffered) return "STARTTLS is not offered, and must be";
  if (tls == TlsTrouble::kInjected) return where + ": more came with the reply, in clear";
  if (reply.has_value()) return reply->ToString();
  if (!why.empty()) return where + ": " + why;
  if (timed_out) return where + ": timed out";
  if (garbage) return where + ": the server does not speak SMTP";
  if (error != 0) return where + ": " + std::strerror(error);
  return where + ": the server closed the connection";
}

// ---- output ----

void Client::DropOutput() {
  text_.clear();
  output_.clear();
}

void Client::EmitPiece(const char* borrowed, std::size_t size) {
  emitted_ += size;
  if (borrowed == nullptr && !output_.empty() && output_.back().borrowed == nullptr) {
    output_.back().size += size;
  } else {
    output_.push_back({borrowed, size});
  }
}

void Client::EmitPieces(absl::Span<const std::string_view> pieces) {
  for (const std::string_view piece : pieces) EmitPiece(piece.data(), piece.size());
}

void Client::Emit(Command command, std::initializer_list<std::string_view> words) {
  if (output_taken_) DropOutput();
  output_taken_ = false;
  const std::size_t begin = text_.size();
  for (const std::string_view word : words) text_.append(word);
  EmitPiece(nullptr, text_.size() - begin);
  expected_.push_back(command);
  if (expected_.size() == 1) ++wait_number_;
}

std::uint64_t Client::UntakenBytes() const {
  std::uint64_t bytes = 0;
  if (HasUntakenOutput()) {
    for (const Piece& piece : output_) bytes += piece.size;
  }
  return bytes;
}

void Client::TakeOutput(std::vector<std::string_view>& pieces) {
  if (output_taken_) return;
  const char* own = text_.data();
  pieces.reserve(pieces.size() + output_.size());
  for (const Piece& piece : output_) {
    pieces.emplace_back(piece.borrowed != nullptr ? piece.borrowed : own, piece.size);
    if (piece.borrowed == nullptr) own += piece.size;
  }
  output_taken_ = true;
  if (completing_end_ != 0) content_taken_ = true;
}

// ---- the connection ----

base::Duration Client::Timeout() const {
  if (state_ == State::kGreeting) return options_.timeouts.greeting;
  if (expected_.empty()) return base::Duration();
  switch (expected_.front()) {
    case Command::kConnect:
      return base::Duration();
    case Command::kGreeting:
      return options_.timeouts.greeting;
    case Command::kEhlo:
    case Command::kHelo:
      return options_.timeouts.ehlo;
    case Command::kAuth:
      return options_.timeouts.auth;
    case Command::kStartTls:
      return options_.timeouts.starttls;
    case Command::kTls:
      return options_.timeouts.tls;
    case Command::kRset:  // What was sent behind it may keep the server busy, too.
      return expected_.size() > 1 ? std::max(options_.timeouts.rset, options_.timeouts.mail) : options_.timeouts.rset;
    case Command::kMail:
      return options_.timeouts.mail;
    case Command::kRcpt:
      return options_.timeouts.rcpt;
    case Command::kData:
      return options_.timeouts.data;
    case Command::kDot:
    case Command::kBdat:
      return options_.timeouts.final_reply;
    case Command::kQuit:
      return options_.timeouts.quit;
  }
  return base::Duration();
}

void Client::OnConnected(base::Instant now) {
  CHECK(state_ == State::kConnecting);
  now_ = now;
  if (options_.tls == TlsUse::kFromTheStart) {
    ExpectTls();
    handler_.OnStartTls();
  } else {
    ExpectGreeting();
  }
}

void Client::ExpectGreeting() {
  state_ = State::kGreeting;
  expected_.push_back(Command::kGreeting);
  ++wait_number_;
}

void Client::ExpectTls() {
  state_ = State::kTls;
  expected_.push_back(Command::kTls);
  ++wait_number_;
}

void Client::OnReceived(std::string_view bytes, base::Instant now) {
  CHECK(state_ != State::kTls);
  now_ = now;
  Reply reply;
  while (!bytes.empty() && state_ != State::kFinished) {
    switch (parser_.Feed(bytes, reply)) {
      case ReplyParser::Result::kNeedMore:
        break;
      case ReplyParser::Result::kReply:
        OnReply(std::move(reply));
        if (state_ != State::kTls) break;
        if (bytes.empty()) {
          handler_.OnStartTls();
        } else {
          FailConnection({.at = Command::kStartTls, .tls = TlsTrouble::kInjected});
        }
        return;
      case ReplyParser::Result::kGarbage:
        OnGarbage();
        return;
    }
  }
}

void Client::OnReply(Reply&& reply) {
  if (expected_.empty()) {  // Nothing was asked: a server that says 421 goodbye, or one that is out of step.
    if (state_ == State::kBusy && reply.code == 421 && content_wanted_) {  // In place of what it waited for.
      result_.final_reply = reply;
      EndTransaction(TransactionResult::End::kReplied, /*usable=*/false);
    } else if (state_ == State::kBusy) {
      OnGarbage();
    } else {
      Finish();
    }
    return;
  }
  if (HasUntakenOutput() && reply.code != 421) {  // It answers what it cannot have read.
    OnGarbage();
    return;
  }
  const Command command = expected_.front();
  expected_.erase(expected_.begin());
  ++wait_number_;
  switch (command) {
    case Command::kGreeting:
      OnGreeting(reply);
      return;
    case Command::kEhlo:
    case Command::kHelo:
      OnHelloReply(reply, command);
      return;
    case Command::kAuth:
      OnAuthReply(reply);
      return;
    case Command::kStartTls:
      OnStartTlsReply(reply);
      return;
    case Command::kQuit:
      Finish();
      return;
    case Command::kRset:
    case Command::kMail:
    case Command::kRcpt:
    case Command::kData:
    case Command::kDot:
    case Command::kBdat:
      OnTransactionReply(command, std::move(reply));
      return;
    case Command::kConnect:
    case Command::kTls:
      CHECK(false);
  }
}

void Client::OnGreeting(const Reply& reply) {
  if (reply.first_digit() == 3) {
    FailConnection({.at = Command::kGreeting, .garbage = true});
    return;
  }
  if (!reply.IsPositive()) {
    FailConnection({.at = Command::kGreeting, .reply = reply});
    return;
  }
  state_ = State::kHello;
  Emit(Command::kEhlo, {"EHLO ", options_.ehlo_domain, "\r\n"});
}

void Client::OnHelloReply(const Reply& reply, Command command) {
  if (reply.IsPositive()) {
    capabilities_ = command == Command::kEhlo ? Capabilities::FromEhlo(reply) : Capabilities();
    const bool wanted = !encrypted_ && options_.tls != TlsUse::kNever;
    if (wanted && capabilities_.starttls) {
      Emit(Command::kStartTls, {"STARTTLS\r\n"});
    } else if (wanted && options_.tls != TlsUse::kWhereOffered) {
      FailConnection({.at = Command::kStartTls, .tls = TlsTrouble::kNotOffered});
    } else {
      LogInOrMakeReady();
    }
    return;
  }
  // RFC 5321 section 3.2: a server that does not know EHLO.
  if (command == Command::kEhlo && (reply.code == 500 || reply.code == 502)) {
    Emit(Command::kHelo, {"HELO ", options_.ehlo_domain, "\r\n"});
    return;
  }
  if (reply.first_digit() == 3) {
    FailConnection({.at = command, .garbage = true});
  } else {
    FailConnection({.at = command, .reply = reply});
  }
}

// ---- TLS ----

void Client::OnStartTlsReply(const Reply& reply) {
  if (reply.first_digit() == 3) {
    OnGarbage();
  } else if (reply.IsPositive()) {
    ExpectTls();
  } else if (reply.code == 421) {  // The server closes.
    FailConnection({.at = Command::kStartTls, .reply = reply});
  } else {  // Where the mail may go in clear, it does on a new connection: this one's state is anybody's guess.
    FailConnection({.at = Command::kStartTls, .reply = reply, .tls = TlsTrouble::kRefused});
  }
}

// Nothing that was said in clear counts any more (RFC 3207 section 4.2).
void Client::OnTlsUp(base::Instant now) {
  CHECK(state_ == State::kTls);
  now_ = now;
  expected_.clear();
  parser_ = ReplyParser();
  capabilities_ = Capabilities();
  encrypted_ = true;
  if (options_.tls == TlsUse::kFromTheStart) {
    ExpectGreeting();
    return;
  }
  state_ = State::kHello;
  Emit(Command::kEhlo, {"EHLO ", options_.ehlo_domain, "\r\n"});
}

void Client::OnTlsFailed(std::string_view why, std::uint64_t unsent) {
  if (state_ == State::kBusy || state_ == State::kFinished) {
    OnClosed(EPROTO, unsent, /*connected=*/true);
    return;
  }
  FailConnection({.at = expecting(), .why = std::string(why), .tls = TlsTrouble::kFailed});
}

// ---- the login ----

void Client::LogInOrMakeReady() {
  if (options_.authenticator == nullptr) {
    MakeReady();
  } else if (!encrypted_) {  // No password in clear, and no proof that it is known.
    FailConnection({.at = Command::kAuth, .why = "the connection is not encrypted"});
  } else {
    TakeAuthStep(auth_.Start(*options_.authenticator, capabilities_.auth), nullptr);
  }
}

void Client::OnAuthReply(const Reply& reply) { TakeAuthStep(auth_.OnReply(reply), &reply); }

void Client::TakeAuthStep(const AuthDialogue::Step& step, const Reply* reply) {
  switch (step.kind) {
    case AuthDialogue::Step::Kind::kSend:
      Emit(Command::kAuth, {step.line});
      return;
    case AuthDialogue::Step::Kind::kAccepted:
      MakeReady();
      return;
    case AuthDialogue::Step::Kind::kRefused:
      FailConnection({.at = Command::kAuth, .reply = *reply});
      return;
    case AuthDialogue::Step::Kind::kFailed:
      FailConnection({.at = Command::kAuth, .why = step.why});
      return;
  }
}

void Client::MakeReady() {
  state_ = State::kReady;
  idle_since_ = now_;
  ++wait_number_;
  handler_.OnReady();
}

void Client::Finish() {
  if (state_ == State::kFinished) return;
  state_ = State::kFinished;
  expected_.clear();
  ++wait_number_;
  handler_.OnFinished();
}

void Client::FailConnection(ConnectionFact fact) {
  const bool was_ready = state_ == State::kReady || state_ == State::kQuitting;
  if (!was_ready) handler_.OnSessionFailed(fact);
  Finish();
}

void Client::OnGarbage() {
  if (state_ == State::kBusy) {
    result_.completing_handed_over =
        completing_end_ != 0 && content_taken_;  // The most that is possible: whoever judges must be careful.
    EndTransaction(TransactionResult::End::kGarbage, /*usable=*/false);
  } else {
    FailConnection({.at = expecting(), .garbage = true});
  }
}

void Client::OnClosed(int error, std::uint64_t unsent, bool connected) {
  if (state_ == State::kFinished) return;
  unsent += UntakenBytes();
  if (state_ == State::kBusy) {
    result_.completing_handed_over = completing_end_ != 0 && emitted_ - unsent >= completing_end_;
    result_.error = error;
    unsent_at_end_ = unsent;
    EndTransaction(TransactionResult::End::kClosed, /*usable=*/false);
    return;
  }
  const bool tls_fails = state_ == State::kTls || IsFirstHelloUnderTls();
  FailConnection({.at = connected ? expecting() : Command::kConnect,
                  .error = error,
                  .tls = tls_fails ? TlsTrouble::kFailed : TlsTrouble::kNone});
}

void Client::OnTimeout(std::uint64_t unsent) {
  if (state_ == State::kFinished) return;
  unsent += UntakenBytes();
  if (state_ == State::kBusy) {
    result_.completing_handed_over = completing_end_ != 0 && emitted_ - unsent >= completing_end_;
    unsent_at_end_ = unsent;
    EndTransaction(TransactionResult::End::kTimedOut, /*usable=*/false);
    return;
  }
  const bool tls_fails = state_ == State::kTls || IsFirstHelloUnderTls();
  FailConnection({.at = expecting(), .timed_out = true, .tls = tls_fails ? TlsTrouble::kFailed : TlsTrouble::kNone});
}

void Client::Quit() {
  CHECK(state_ == State::kReady);
  state_ = State::kQuitting;
  Emit(Command::kQuit, {"QUIT\r\n"});
}

}  // namespace smtp
