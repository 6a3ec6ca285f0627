// The server's session while content comes in.
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/sandbox/smtp_server.h"

namespace sandbox {

void SmtpServer::ReceiveData(std::string_view& bytes) {
  const bool ended = reader_.Feed(bytes, [this](std::string_view piece) {
    checker_.Feed(piece);
    Content(piece);
  });
  if (!ended) return;
  state_ = State::kCommand;
  if (reader_.unstuffed_dot()) handler_.OnViolation("line that begins with a dot is not stuffed");
  FinishContent();
}

void SmtpServer::ReceiveChunk(std::string_view& bytes) {
  const std::string_view piece = bytes.substr(0, chunk_left_);  // No more than there is.
  bytes.remove_prefix(piece.size());
  chunk_left_ -= piece.size();
  if (!discard_) {
    if (options_.check_chunks) checker_.Feed(piece);
    Content(piece);
  }
  if (chunk_left_ == 0) FinishChunk();
}

void SmtpServer::Content(std::string_view bytes) {
  transaction_.size += bytes.size();
  if (wants_content_ && transaction_.size <= options_.size_max) wants_content_ = handler_.OnContent(bytes);
}

void SmtpServer::FinishChunk() {
  state_ = State::kCommand;
  if (discard_) {
    if (!in_mail_) return OutOfSequence("BDAT without MAIL", 503, "MAIL first");
    const bool refused_before = std::exchange(chunk_refused_, true);
    if (refused_before) return OutOfSequence("BDAT after a refused one", 503, "RSET first");
    return OutOfSequence("BDAT without a recipient", 503, "No valid recipients");
  }
  if (chunk_last_) return FinishContent();
  if (transaction_.size > options_.size_max) {
    chunk_refused_ = true;
    return Say(552, "5.3.4", "Message too big");
  }
  chunk_refused_ = !Answer(Phase::kChunk, 250, "2.0.0", absl::StrCat(chunk_size_, " octets received"));
}

void SmtpServer::FinishContent() {
  ReportContentFaults();
  bool accepted = false;
  if (transaction_.size > options_.size_max) {
    Say(552, "5.3.4", "Message too big");
  } else {
    accepted = Answer(Phase::kContent, 250, "2.0.0", "Ok");
  }
  if (transaction_.chunked && !accepted) {
    chunk_refused_ = true;  // RFC 3030 §2: the state after a failed BDAT is indeterminate; RSET must follow.
  } else {
    ResetTransaction();
  }
}

void SmtpServer::ReportContentFaults() {
  checker_.Finish();
  const LineChecker::Faults& faults = checker_.faults();
  if (faults.bare_cr) handler_.OnViolation("bare CR in the content");
  if (faults.bare_lf) handler_.OnViolation("bare LF in the content");
  if (faults.nul) handler_.OnViolation("NUL in the content");
  if (faults.long_line) handler_.OnViolation("content line of more than 998 characters");
  if (faults.no_final_line_end) handler_.OnViolation("content does not end with CRLF");
  if (faults.eight_bit && !transaction_.eight_bit) handler_.OnViolation("8-bit content without BODY=8BITMIME");
}

}  // namespace sandbox
