// The server's side of one SMTP connection (RFC 5321, with PIPELINING, CHUNKING, 8BITMIME, SIZE, SMTPUTF8,
// ENHANCEDSTATUSCODES and STARTTLS), without I/O: bytes of the client go in, bytes for the client come out, and a
// handler decides each reply. TLS itself is the caller's. It is strict: whatever a careful client would not send is
// reported as a violation. Content is never copied: the handler sees it where it was received, or it is only counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "tools/sandbox/content_reader.h"
#include "tools/sandbox/smtp_names.h"

namespace sandbox {

// What the client said so far. Views and strings are valid during the handler's call.
struct Transaction {
  std::string hello;                    // The argument of EHLO or HELO.
  bool extended = false;                // EHLO.
  bool encrypted = false;               // Under TLS.
  std::string sender;                   // Between the angle brackets; "" is the null sender.
  std::string_view recipient;           // At kRcpt: the one to decide on, as typed.
  std::vector<std::string> recipients;  // Accepted ones, as typed.
  std::uint64_t declared_size = 0;      // SIZE of MAIL; 0: not given.
  std::uint64_t size = 0;               // Bytes of content so far, without dot stuffing.
  bool eight_bit = false;               // BODY=8BITMIME
  bool smtputf8 = false;
  bool chunked = false;  // BDAT, not DATA.
};

struct Decision {
  enum class Action : std::uint8_t {
    kAccept,         // The usual positive reply.
    kReply,          // `reply` instead.
    kReplyAndClose,  // `reply`, then the connection ends.
    kHangUp,         // No reply: the connection ends.
  };
  Action action = Action::kAccept;
  // One line without CRLF that begins with a code of three digits. A 2yz or 3yz reply accepts. Valid until the next
  // call.
  std::string_view reply;
  base::Duration delay = {};  // The reply, and all that follow, wait so long.
};

class ServerHandler {
 public:
  virtual ~ServerHandler() = default;
  // The client's command is well-formed and in sequence: how is it answered?
  virtual Decision Decide(Phase phase, const Transaction& transaction) = 0;
  // The next bytes of the content, without dot stuffing. False: no more of this message is wanted.
  virtual bool OnContent(std::string_view bytes) = 0;
  // The client did what it must not do. `what` is one of a fixed set of texts.
  virtual void OnViolation(std::string_view what) = 0;
};

struct ServerOptions {
  std::string host_name = "mx.sandbox.test";
  ExtensionSet extensions;
  std::uint64_t size_max = 50'000'000;  // Bytes of one message.
  std::uint32_t recipients_max = 1'000;
  // Also look for bare CR, bare LF and over-long lines in BDAT chunks. In DATA that is always done.
  bool check_chunks = true;
};

// One thread. The handler may not call back into the session.
class SmtpServer {
 public:
  enum class Tls : std::uint8_t { kNone, kByStartTls, kFromTheStart };
  // Both outlive the session. `tls`: what the caller can do; with kByStartTls the options' STARTTLS is offered.
  SmtpServer(const ServerOptions& options, ServerHandler& handler, Tls tls = Tls::kNone)
      : options_(options), handler_(handler), can_start_tls_(tls == Tls::kByStartTls) {
    transaction_.encrypted = tls == Tls::kFromTheStart;
  }
  SmtpServer(const SmtpServer&) = delete;
  SmtpServer& operator=(const SmtpServer&) = delete;

  void Start();                          // Greets.
  void Receive(std::string_view bytes);  // The next bytes of the client, in pieces of any size.

  // Bytes for the client; the caller sends and clears them.
  std::string& output() { return output_; }
  // How long the output is to wait, by the handler's decisions since the last call.
  base::Duration TakeDelay() { return std::exchange(delay_, base::Duration()); }
  // The connection is to be closed after the output is sent. What the client still sends is ignored.
  bool closed() const { return closed_; }
  // STARTTLS was accepted: once the output is sent, the next bytes of the client are TLS. Bytes in clear that came with
  // the command are dropped, so that nothing can be injected before TLS begins (RFC 3207 §5).
  bool wants_tls() const { return state_ == State::kStartTls; }
  // TLS is open: all that the client said before is forgotten (RFC 3207 §4.2). Requires: wants_tls().
  void OnTlsOpen();
  // The message's bytes are complete or under way, and its reply is due.
  bool InContent() const { return state_ == State::kData || state_ == State::kChunk; }

 private:
  enum class State : std::uint8_t { kCommand, kData, kChunk, kStartTls };

  bool Offers(Extension extension) const { return transaction_.extended && options_.extensions.Has(extension); }
  void ReceiveCommand(std::string_view& bytes);
  void OnLine(std::string_view line);
  void Dispatch(std::string_view verb, std::string_view argument);
  void OnHello(std::string_view argument, bool extended);
  void OnMail(std::string_view argument);
  bool MailParameters(std::string_view parameters);
  void OnRcpt(std::string_view argument);
  void OnData(std::string_view argument);
  void OnBdat(std::string_view argument);
  void OnRset(std::string_view argument);
  void OnStartTls(std::string_view argument);
  bool OffersStartTls() const;
  void ReceiveData(std::string_view& bytes);
  void ReceiveChunk(std::string_view& bytes);
  void Content(std::string_view bytes);
  void FinishChunk();
  void FinishContent();
  void ResetTransaction();
  void ReportContentFaults();
  std::size_t LineMax() const;
  Decision Ask(Phase phase);
  // Asks the handler and answers; `code`, `enhanced` and `text` are the usual reply. True: accepted.
  bool Answer(Phase phase, int code, std::string_view enhanced, std::string_view text);
  // True: accepted, by kAccept (and nothing was said), or by a reply whose first digit is `accepting`.
  bool Apply(const Decision& decision, char accepting);
  void Say(int code, std::string_view enhanced, std::string_view text);
  void Refuse(std::string_view violation, int code, std::string_view enhanced, std::string_view text);
  void OutOfSequence(std::string_view violation, int code, std::string_view text);

  const ServerOptions& options_;
  ServerHandler& handler_;
  const bool can_start_tls_;
  std::string output_;
  base::Duration delay_;
  State state_ = State::kCommand;
  bool closed_ = false;
  bool ends_group_ = false;  // RFC 2920 §3.1: the command at hand must be the last of its group.
  bool line_too_long_ = false;
  std::string line_;  // The begin of a command line that came in pieces.

  bool has_hello_ = false;
  bool in_mail_ = false;        // MAIL was accepted.
  bool chunk_refused_ = false;  // RFC 3030 §2: nothing but RSET helps now.
  bool wants_content_ = false;
  bool discard_ = false;  // The content under way is read and dropped.
  bool chunk_last_ = false;
  std::uint64_t chunk_left_ = 0;
  std::uint64_t chunk_size_ = 0;
  Transaction transaction_;
  ContentReader reader_;  // Of DATA.
  LineChecker checker_;
};

}  // namespace sandbox
