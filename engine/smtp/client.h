// The client's side of one SMTP connection, as bytes in and bytes out (sans-IO): RFC 5321, with PIPELINING (RFC 2920),
// CHUNKING (RFC 3030), SIZE (RFC 1870), SMTPUTF8 (RFC 6531) and STARTTLS (RFC 3207) where the server offers them. It
// reports facts; reply_policy.h says what they mean.
//
// The owner connects, feeds what arrives, sends what TakeOutput gives, and restarts its timer with Timeout() whenever
// wait_number() changes. TLS itself is the owner's: the client says when to start it, and is told when it is up; from
// then on the bytes of both directions are those inside TLS.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "engine/base/time.h"
#include "engine/smtp/auth_dialogue.h"
#include "engine/smtp/capabilities.h"
#include "engine/smtp/command.h"
#include "engine/smtp/reply.h"
#include "engine/smtp/sasl.h"

namespace smtp {

// How long to wait for each reply (RFC 5321 section 4.5.3.2).
struct Timeouts {
  base::Duration greeting = base::Duration::Minutes(5);
  base::Duration ehlo = base::Duration::Minutes(5);
  base::Duration auth = base::Duration::Minutes(1);      // Each of its replies; no RFC says how long.
  base::Duration starttls = base::Duration::Minutes(1);  // No RFC names one…
  base::Duration tls = base::Duration::Minutes(1);       // …nor for the handshake.
  base::Duration mail = base::Duration::Minutes(5);
  base::Duration rcpt = base::Duration::Minutes(5);
  base::Duration data = base::Duration::Minutes(5);
  base::Duration final_reply = base::Duration::Minutes(10);
  base::Duration rset = base::Duration::Minutes(5);
  base::Duration quit = base::Duration::Seconds(5);
};

// Whether the session is to be encrypted.
enum class TlsUse : std::uint8_t {
  kNever,
  kWhereOffered,  // In clear where STARTTLS is not offered, or refused.
  kAlways,
  kFromTheStart,  // Implicit TLS, before the greeting (RFC 8314).
};

// What was wrong with TLS.
enum class TlsTrouble : std::uint8_t {
  kNone,
  kNotOffered,  // And it must be.
  kRefused,     // And it must be.
  kInjected,    // More bytes than the reply to STARTTLS came in clear: somebody may have slipped them in.
  kFailed,      // The handshake, or the first EHLO after it.
};

// How a connection failed before it could take a message.
struct ConnectionFact {
  Command at = Command::kConnect;
  int error = 0;  // errno of a failed or reset connection; 0: none, or the server closed in order.
  bool timed_out = false;
  bool garbage = false;                       // It does not speak SMTP.
  std::optional<Reply> reply = std::nullopt;  // To greeting, EHLO, STARTTLS or AUTH: it said no.
  std::string why = {};                       // TLS or AUTH failed for this reason, which no reply says.
  TlsTrouble tls = TlsTrouble::kNone;
  std::string ToString() const;
};

// What happened to one message.
struct TransactionResult {
  enum class End : std::uint8_t {
    kReplied,  // Every reply came that was to come, or one of them was a 421.
    kClosed,   // The connection ended first.
    kTimedOut,
    kGarbage,        // Something came that is no reply, a reply too many, or 3yz and 2yz in each other's place.
    kTooLarge,       // Larger than the advertised SIZE; nothing was sent.
    kNeedsSmtpUtf8,  // The address needs it and the server does not offer it; nothing was sent.
  };
  End end = End::kReplied;
  std::optional<Reply> rset;                           // To the RSET before MAIL, where it was a refusal.
  std::optional<Reply> mail, rcpt, data, final_reply;  // data: the reply to DATA; none with BDAT.
  bool used_bdat = false;
  bool completing_handed_over =
      false;  // The bytes that complete the message (final dot, BDAT LAST) were taken by the kernel.
  // The connection ended while others were in flight with it: a server may keep replies back until it has read all that
  // came (RFC 2920 section 3.2), so that one that was not read may have been a good one.
  bool in_company = false;
  int error = 0;  // kClosed: errno, 0 for FIN.
};

class Client {
 public:
  struct Options {
    std::string ehlo_domain;  // FQDN or address literal (RFC 5321 section 4.1.1.1).
    bool pipelining = true;   // May be used where offered.
    bool chunking = true;
    Authenticator* authenticator =
        nullptr;  // Logs in before the first message (RFC 4954), never in clear; null: no login.
    TlsUse tls = TlsUse::kNever;
    Timeouts timeouts;
    base::Duration idle_probe =
        base::Duration::Seconds(1);  // Idle for longer: MAIL goes alone, and its reply comes before content.
  };
  // Called from within the call that feeds the client.
  class Handler {
   public:
    virtual ~Handler() = default;
    // Begin the handshake. Nothing is received from or sent by the client until OnTlsUp. Never called with kNever.
    virtual void OnStartTls() = 0;
    virtual void OnReady() = 0;                                           // May Begin.
    virtual void OnTransactionDone(const TransactionResult& result) = 0;  // OnReady, OnFollowing or OnFinished follows.
    virtual void OnFollowing() = 0;      // The message that was given to Follow is the transaction now.
    virtual void OnContentWanted() = 0;  // Of such a message: SendContent. The transaction may end before.
    virtual void OnSessionFailed(const ConnectionFact& fact) = 0;  // Before it was ever ready; OnFinished follows.
    virtual void OnFinished() = 0;                                 // Close the connection. The last call.
  };
  // Borrowed until OnTransactionDone.
  struct Transaction {
    std::string_view sender, recipient;          // Without angle brackets; no CR, LF or other controls.
    absl::Span<const std::string_view> content;  // Lines end in CRLF.
    std::uint64_t size = 0;                      // Bytes of content.
    bool needs_smtputf8 = false;
  };

  Client(const Options& options, Handler& handler) : options_(options), handler_(handler) {}

  void OnConnected(base::Instant now);  // Waits for the greeting, or asks for TLS at once.
  void OnTlsUp(base::Instant now);      // Requires: OnStartTls was called, and nothing was heard of it since.
  // TLS came to nothing, or broke later; `unsent` as below. OnFinished follows.
  void OnTlsFailed(std::string_view why, std::uint64_t unsent);
  void OnReceived(std::string_view bytes, base::Instant now);
  // The connection could not be made or ended; `unsent`: bytes of the output that the kernel never took.
  void OnClosed(int error, std::uint64_t unsent, bool connected);
  // The time-out passed. `unsent` as above. OnFinished follows.
  void OnTimeout(std::uint64_t unsent);
  // Requires: ready.
  void Begin(const Transaction& transaction, base::Instant now);
  // A message behind the one whose content has not left yet: its envelope goes in one write with the end of that
  // content (RFC 2920 section 3.1), and its own content waits for SendContent. Where the transaction ends before its
  // content, nothing of the message has left, and the client has forgotten it. With CHUNKING there is none: a message
  // is one write anyway.
  bool MayFollow() const;
  void Follow(const Transaction& transaction);  // Requires: MayFollow, and Accepts.
  void SendContent(base::Instant now);          // Requires: OnContentWanted was called, and no more of it since.
  // Whether the server takes it at all, by its size and its address.
  bool Accepts(const Transaction& transaction) const { return !RefusalOf(transaction).has_value(); }
  bool IsFollowerSent() const { return follower_sent_; }  // Its envelope is on its way.
  void Unfollow() { follower_.reset(); }                  // Requires: not IsFollowerSent.
  // Of what was emitted, a follower's envelope behind the content of the transaction.
  std::uint64_t BytesBehindContent() const { return completing_end_ == 0 ? 0 : emitted_ - completing_end_; }
  // The end of a message was given out, and its reply is the next to come.
  bool IsSendingContent() const {
    return completing_end_ != 0 && (expecting() == Command::kDot || expecting() == Command::kBdat);
  }
  // A message takes two round trips here, and one behind it saves the second.
  bool HasUseForFollowers() const { return state_ == State::kBusy && !result_.used_bdat && MayPipeline(); }
  // A message behind those that are under way, in flight with them: for relays of one's own. Its envelope begins with
  // RSET, as what becomes of the one before it is not known. Only where a message is one write (PIPELINING, CHUNKING),
  // and the one before it has been written. Each ends by itself, in order: OnFollowing is called in between.
  bool MayQueue() const { return state_ == State::kBusy && result_.used_bdat && MayPipeline() && steps_.empty(); }
  void Queue(const Transaction& transaction);  // Requires: MayQueue, and Accepts.
  void Quit();                                 // Requires: ready. OnFinished follows.

  // Appends what is to be sent now. The pieces stay valid until the next call of any method.
  void TakeOutput(std::vector<std::string_view>& pieces);
  // The content of the transaction has been given to TakeOutput, and is needed no more.
  bool IsContentTaken() const { return content_taken_; }

  bool IsReady() const { return state_ == State::kReady; }
  bool IsFinished() const { return state_ == State::kFinished; }
  // How long to wait for what comes next; zero: forever (ready, finished).
  base::Duration Timeout() const;
  std::uint32_t wait_number() const { return wait_number_; }
  const Capabilities& capabilities() const { return capabilities_; }
  bool is_encrypted() const { return encrypted_; }
  // What the next reply answers; kConnect: none is expected.
  Command expecting() const { return expected_.empty() ? Command::kConnect : expected_.front(); }

 private:
  enum class State : std::uint8_t { kConnecting, kTls, kGreeting, kHello, kReady, kBusy, kQuitting, kFinished };

  void OnReply(Reply&& reply);
  void OnGreeting(const Reply& reply);
  void OnHelloReply(const Reply& reply, Command command);
  void OnStartTlsReply(const Reply& reply);
  void OnAuthReply(const Reply& reply);
  void ExpectGreeting();
  void ExpectTls();
  bool IsFirstHelloUnderTls() const {
    return encrypted_ && expecting() == Command::kEhlo && options_.tls != TlsUse::kFromTheStart;
  }
  void OnTransactionReply(Command command, Reply&& reply);
  void OnGarbage();
  void EmitSteps();  // The commands that may be sent now.
  void EmitContent();
  void EmitMail(const Transaction& transaction);
  void EmitRcpt(const Transaction& transaction);
  void EmitBdat(const Transaction& transaction);
  void EmitFollower();
  void TurnToFollower();
  void TurnToQueued();
  void EndQueued(const TransactionResult& head);
  bool IsRefused() const;
  std::optional<TransactionResult::End> RefusalOf(const Transaction& transaction) const;  // By us, before it begins.
  void LogInOrMakeReady();
  void TakeAuthStep(const AuthDialogue::Step& step, const Reply* reply);
  void MakeReady();
  void EndTransaction(TransactionResult::End end, bool usable);
  void FailConnection(ConnectionFact fact);
  void Finish();
  void Emit(Command command, std::initializer_list<std::string_view> words);
  void EmitPieces(absl::Span<const std::string_view> pieces);
  void EmitPiece(const char* borrowed, std::size_t size);
  void DropOutput();
  bool HasUntakenOutput() const { return !output_taken_ && !output_.empty(); }
  std::uint64_t UntakenBytes() const;
  bool MayPipeline() const { return options_.pipelining && capabilities_.pipelining; }
  bool MayChunk() const { return options_.chunking && capabilities_.chunking; }

  const Options options_;
  Handler& handler_;
  State state_ = State::kConnecting;
  ReplyParser parser_;
  Capabilities capabilities_;
  bool encrypted_ = false;
  AuthDialogue auth_;
  // What waits is short or absent, and there is one client for each connection: no container here holds memory while it
  // is empty, as a std::deque does.
  using Commands = absl::InlinedVector<Command, 16>;  // As many as there is room for anyway.
  Commands expected_;                                 // Replies are matched by count (RFC 2920 section 3.1).
  std::uint32_t wait_number_ = 0;
  base::Instant idle_since_, now_;

  // Output, in order: texts of our own, and borrowed content.
  struct Piece {
    const char* borrowed;  // Null: the next ones of text_.
    std::size_t size;
  };
  std::string text_;
  std::vector<Piece> output_;
  bool output_taken_ = false;
  std::uint64_t emitted_ = 0;  // Bytes, since the connection was made.

  // The transaction.
  Transaction transaction_;
  TransactionResult result_;
  Commands steps_;  // Still to be sent.
  bool probing_ = false;
  bool needs_rset_ = false;
  bool content_taken_ = true;
  std::uint64_t completing_end_ = 0;  // Of the emitted bytes, where the completing ones end; 0: not emitted.

  // Written behind the transaction, and where the completing bytes of each end.
  struct InFlight {
    Transaction transaction;
    std::uint64_t completing_end;
  };
  std::list<InFlight> queued_;
  std::uint64_t unsent_at_end_ = 0;  // Bytes that the kernel had not taken when the connection ended.

  std::optional<Transaction> follower_;
  bool follower_sent_ = false;   // Its envelope is behind the content of the transaction.
  bool content_waits_ = false;   // The transaction was a follower: its content waits for SendContent…
  bool content_wanted_ = false;  // …and the server for it.
};

}  // namespace smtp
