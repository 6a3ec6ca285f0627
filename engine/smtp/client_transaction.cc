// The part of the client that carries one message: the commands that may go together, and what their replies amount to.

#include <string>
#include <utility>

#include "engine/base/check.h"
#include "engine/smtp/client.h"
#include "engine/smtp/dot_stuffing.h"

namespace smtp {

void Client::Begin(const Transaction& transaction, base::Instant now) {
  CHECK(state_ == State::kReady);
  now_ = now;
  transaction_ = transaction;
  result_ = TransactionResult();
  completing_end_ = 0;
  content_taken_ = false;
  state_ = State::kBusy;
  if (const auto refusal = RefusalOf(transaction)) {
    EndTransaction(*refusal, /*usable=*/true);
    return;
  }
  probing_ = now - idle_since_ > options_.idle_probe;
  result_.used_bdat = MayChunk();
  steps_.clear();
  if (needs_rset_) steps_.push_back(Command::kRset);
  needs_rset_ = false;
  steps_.insert(steps_.end(), {Command::kMail, Command::kRcpt});
  if (result_.used_bdat) {
    steps_.push_back(Command::kBdat);
  } else {
    steps_.insert(steps_.end(), {Command::kData, Command::kDot});
  }
  EmitSteps();
}

std::optional<TransactionResult::End> Client::RefusalOf(const Transaction& transaction) const {
  if (capabilities_.size_max != 0 && transaction.size > capabilities_.size_max)
    return TransactionResult::End::kTooLarge;
  if (transaction.needs_smtputf8 && !capabilities_.smtputf8) return TransactionResult::End::kNeedsSmtpUtf8;
  return std::nullopt;
}

void Client::EmitMail(const Transaction& transaction) {
  const std::string size = capabilities_.size ? " SIZE=" + std::to_string(transaction.size) : "";
  Emit(Command::kMail,
       {"MAIL FROM:<", transaction.sender, ">", size, transaction.needs_smtputf8 ? " SMTPUTF8\r\n" : "\r\n"});
}

void Client::EmitRcpt(const Transaction& transaction) {
  Emit(Command::kRcpt, {"RCPT TO:<", transaction.recipient, ">\r\n"});
}

void Client::EmitBdat(const Transaction& transaction) {
  Emit(Command::kBdat, {"BDAT ", std::to_string(transaction.size), " LAST\r\n"});
}

void Client::EmitContent() {
  std::vector<std::string_view> stuffed;
  if (!result_.used_bdat) AppendDotStuffed(transaction_.content, stuffed);
  EmitPieces(result_.used_bdat ? transaction_.content : absl::MakeConstSpan(stuffed));
  completing_end_ = emitted_;
}

// Sends what may go together: a group ends at DATA, at BDAT, and, without PIPELINING or while probing, at each command
// (RFC 2920 section 3.1).
void Client::EmitSteps() {
  while (!steps_.empty()) {
    const Command step = steps_.front();
    steps_.erase(steps_.begin());
    switch (step) {
      case Command::kRset:
        Emit(step, {"RSET\r\n"});
        break;
      case Command::kMail:
        EmitMail(transaction_);
        if (probing_) {
          probing_ = false;
          return;
        }
        break;
      case Command::kRcpt:
        EmitRcpt(transaction_);
        break;
      case Command::kData:
        Emit(step, {"DATA\r\n"});
        return;
      case Command::kBdat:
        EmitBdat(transaction_);
        EmitContent();
        return;
      case Command::kDot:
        Emit(step, {});
        EmitContent();
        EmitFollower();
        return;
      case Command::kConnect:
      case Command::kGreeting:
      case Command::kEhlo:
      case Command::kHelo:
      case Command::kAuth:
      case Command::kStartTls:
      case Command::kTls:
      case Command::kQuit:
        CHECK(false);
    }
    if (!MayPipeline()) return;
  }
}

bool Client::IsRefused() const {
  return (result_.mail.has_value() && !result_.mail->IsPositive()) ||
         (result_.rcpt.has_value() && !result_.rcpt->IsPositive());
}

void Client::OnTransactionReply(Command command, Reply&& given) {
  // 3yz answers DATA and nothing else, 2yz all but DATA: the server is out of step, and so are the replies to come.
  if (given.first_digit() == 3 ? command != Command::kData : given.IsPositive() && command == Command::kData) {
    OnGarbage();
    return;
  }
  std::optional<Reply> not_kept;
  std::optional<Reply>& kept = command == Command::kMail                         ? result_.mail
                               : command == Command::kRcpt                       ? result_.rcpt
                               : command == Command::kData                       ? result_.data
                               : command == Command::kRset && given.IsPositive() ? not_kept
                               : command == Command::kRset                       ? result_.rset
                                                                                 : result_.final_reply;
  const Reply& reply = kept.emplace(std::move(given));
  if (reply.code == 421) {  // The server closes: nothing more comes (RFC 5321 section 3.8).
    EndTransaction(TransactionResult::End::kReplied, /*usable=*/false);
    return;
  }
  if (command == Command::kDot && follower_sent_) {  // What comes now is about the follower.
    TurnToFollower();
    return;
  }
  if (command == Command::kBdat && !queued_.empty()) {  // Likewise.
    TurnToQueued();
    return;
  }
  if (!expected_.empty()) return;  // The rest of the group is answered first.
  if (command == Command::kData && reply.first_digit() == 3) {
    if (IsRefused()) {  // It takes data for nobody: an empty one ends it (RFC 2920 section 3.1).
      steps_.clear();
      Emit(Command::kDot, {".\r\n"});
      return;
    }
    if (content_waits_) {
      content_wanted_ = true;
      handler_.OnContentWanted();
      return;
    }
    EmitSteps();
    return;
  }
  const bool go_on =
      !steps_.empty() && !IsRefused() && (command == Command::kRset || reply.IsPositive()) && command != Command::kData;
  if (go_on) {
    EmitSteps();
    return;
  }
  EndTransaction(TransactionResult::End::kReplied, /*usable=*/true);
}

// ---- the message behind ----

bool Client::MayFollow() const {
  return HasUseForFollowers() && !follower_.has_value() && !IsRefused() && !steps_.empty();
}

void Client::Follow(const Transaction& transaction) {
  CHECK(MayFollow() && Accepts(transaction));
  follower_ = transaction;
}

// MAIL and RCPT may come anywhere in a group, and DATA last (RFC 2920 section 3.1).
void Client::EmitFollower() {
  if (!follower_.has_value()) return;
  follower_sent_ = true;
  EmitMail(*follower_);
  EmitRcpt(*follower_);
  Emit(Command::kData, {"DATA\r\n"});
}

// The end of the content was answered: that transaction is over, whatever the answer, and the next one is under way.
void Client::TurnToFollower() {
  TransactionResult done = std::move(result_);
  done.end = TransactionResult::End::kReplied;
  done.completing_handed_over = true;
  transaction_ = *follower_;
  follower_.reset();
  follower_sent_ = false;
  result_ = TransactionResult();
  completing_end_ = 0;
  content_taken_ = false;
  content_waits_ = true;
  steps_ = {Command::kDot};
  ++wait_number_;
  handler_.OnTransactionDone(done);
  handler_.OnFollowing();
}

void Client::SendContent(base::Instant now) {
  CHECK(state_ == State::kBusy && content_wanted_);
  now_ = now;
  content_waits_ = content_wanted_ = false;
  EmitSteps();
}

// ---- messages in flight with it ----

void Client::Queue(const Transaction& transaction) {
  CHECK(MayQueue() && Accepts(transaction));
  Emit(Command::kRset, {"RSET\r\n"});
  EmitMail(transaction);
  EmitRcpt(transaction);
  EmitBdat(transaction);
  EmitPieces(transaction.content);
  queued_.push_back({transaction, emitted_});
}

void Client::TurnToQueued() {
  TransactionResult done = std::move(result_);
  done.end = TransactionResult::End::kReplied;
  done.completing_handed_over = true;
  transaction_ = queued_.front().transaction;
  completing_end_ = queued_.front().completing_end;
  queued_.pop_front();
  result_ = TransactionResult();
  result_.used_bdat = true;
  result_.in_company = true;
  handler_.OnTransactionDone(done);
  handler_.OnFollowing();
}

// The connection ends, or the server says goodbye, which answers all of them.
void Client::EndQueued(const TransactionResult& head) {
  std::optional<Reply> goodbye;
  for (const std::optional<Reply>* reply : {&head.rset, &head.mail, &head.rcpt, &head.final_reply}) {
    if (reply->has_value() && (*reply)->code == 421) goodbye = *reply;
  }
  while (!queued_.empty()) {
    TransactionResult result;
    result.end = head.end;
    result.error = head.error;
    result.used_bdat = true;
    result.in_company = true;
    result.completing_handed_over = emitted_ - unsent_at_end_ >= queued_.front().completing_end;
    result.mail = goodbye;
    queued_.pop_front();
    handler_.OnFollowing();
    handler_.OnTransactionDone(result);
  }
}

void Client::EndTransaction(TransactionResult::End end, bool usable) {
  result_.end = end;
  result_.in_company = result_.in_company || !queued_.empty();
  if (end == TransactionResult::End::kReplied && completing_end_ != 0 && content_taken_)
    result_.completing_handed_over = true;
  const bool delivered = end == TransactionResult::End::kReplied && result_.final_reply.has_value() &&
                         result_.final_reply->IsPositive() && !IsRefused();
  const bool sent_something = end != TransactionResult::End::kTooLarge && end != TransactionResult::End::kNeedsSmtpUtf8;
  if (sent_something) needs_rset_ = !delivered;  // Row of architecture 4.8: some servers keep the old sender otherwise.
  steps_.clear();
  expected_.clear();
  follower_.reset();
  follower_sent_ = content_waits_ = content_wanted_ = false;
  ++wait_number_;
  content_taken_ = true;
  if (HasUntakenOutput()) DropOutput();  // It may borrow from the content, which goes now.
  state_ = usable ? State::kReady : State::kConnecting;
  if (sent_something) idle_since_ = now_;
  handler_.OnTransactionDone(result_);
  if (!usable) {
    EndQueued(TransactionResult(result_));
    Finish();
  } else if (state_ == State::kReady) {
    handler_.OnReady();
  }
}

}  // namespace smtp
