// The part of a site that remembers what its servers announce and cannot do, or do not announce.

#include <algorithm>
#include <optional>
#include <string>

#include "engine/delivery/site.h"
#include "engine/smtp/normalize.h"

namespace delivery {
namespace {

// "503 5.5.0 Improper use of SMTP command pipelining", "554 5.5.1 Error: improper command pipelining": about the order
// of commands (RFC 3463 section 3.6), and not a name that happens to have that word.
bool BlamesPipelining(const smtp::Reply& reply) {
  if (reply.first_digit() != 5 || (reply.enhanced.IsPresent() && reply.enhanced.digits[1] != 5)) return false;
  return smtp::NormalizeReplyText(reply.text).find("pipelin") != std::string::npos;
}

// "500 5.5.1 Unrecognized command", "502 Command not implemented", "503 Bad sequence", "504 …" to a BDAT behind a good
// MAIL and RCPT: about the command and no message (RFC 5321 section 4.2.2), unless the enhanced code is about something
// else (RFC 3463 section 3.6).
bool RefusesBdat(const smtp::TransactionResult& result) {
  const std::optional<smtp::Reply>& reply = result.final_reply;
  if (!result.used_bdat || !reply.has_value() || !result.mail.has_value() || !result.mail->IsPositive()) return false;
  if (!result.rcpt.has_value() || !result.rcpt->IsPositive()) return false;
  const bool is_about_commands = reply->code == 500 || (reply->code >= 502 && reply->code <= 504);
  return is_about_commands && (!reply->enhanced.IsPresent() || reply->enhanced.digits[1] == 5);
}

}  // namespace

// A server that announces PIPELINING or CHUNKING and cannot do it: its replies get out of step, or it says so. From
// then on it gets commands one by one, and DATA.
bool Site::TakePipeliningTrouble(const Session& session, const smtp::TransactionResult& result) {
  const base::IpAddress& address = session.options().remote.address;
  bool trouble = RefusesBdat(result);
  // What it then takes for commands it refuses as well: what is in flight behind has no verdict either.
  trouble = trouble || (result.in_company && result.used_bdat && IsSerial(address));
  if (!session.options().client.pipelining && !trouble) return false;
  trouble = trouble || result.end == smtp::TransactionResult::End::kGarbage;
  for (const std::optional<smtp::Reply>* reply : {&result.mail, &result.rcpt, &result.data, &result.final_reply}) {
    trouble = trouble || (reply->has_value() && BlamesPipelining(**reply));
  }
  if (trouble) serial_until_[address] = context_.clock.Now() + kSerialFor;
  return trouble;
}

// Verdicts page, section 1: an address bounces for SMTPUTF8 where no host offers it. True: another host may.
bool Site::SeeksSmtpUtf8(const Session& session, const smtp::TransactionResult& result) {
  if (result.end != smtp::TransactionResult::End::kNeedsSmtpUtf8 || smtputf8_is_nowhere_) return false;
  const base::IpAddress& address = session.options().remote.address;
  if (std::find(without_smtputf8_.begin(), without_smtputf8_.end(), address) == without_smtputf8_.end())
    without_smtputf8_.push_back(address);
  if (hosts_.HasOtherThan(without_smtputf8_)) return true;
  NoteSmtpUtf8Nowhere();
  return false;
}

void Site::NoteSmtpUtf8Nowhere() {
  smtputf8_is_nowhere_ = true;
  without_smtputf8_.clear();
  owner_.WantsPump(*this);
}

bool Site::IsSerial(const base::IpAddress& address) const {
  const auto found = serial_until_.find(address);
  return found != serial_until_.end() && found->second > context_.clock.Now();
}

}  // namespace delivery
