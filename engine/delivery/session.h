// One SMTP connection: joins a stream, the SMTP client, TLS between them, and a timer. It carries one message at a
// time, and lets no byte of it leave before the attempt's record is durable.
//
// Without CHUNKING a message costs two round trips, and the next one is sealed meanwhile (next), so that its envelope
// can go behind the content (then it is the follower). Only when the server wants the follower's content, its attempt
// begins. Whatever ends the session before that costs it no attempt, unless the server has answered its envelope.
//
// To a relay of one's own (Options::in_flight_max) several may be in flight: the next one's attempt begins at once, and
// when it is durable its bytes go behind those of the others, whatever becomes of them. Each has its own outcome.
//
//   kOpening --> kIdle <--> kSealing --> kCommitting --> kSending --> kIdle
//       \----------\----------\------------------------------\--> kClosing --> (OnSessionEnded)
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/delivery/context.h"
#include "engine/delivery/destination.h"
#include "engine/delivery/sealer.h"
#include "engine/smtp/client.h"
#include "tls/channel.h"

namespace delivery {

class Session final : private io::StreamHandler,
                      private DurableWaiter,
                      private Sealed::Waiter,
                      private SessionBudget::Idler,
                      private tls::Channel::Output,
                      private smtp::Client::Handler {
 public:
  enum class State : std::uint8_t {
    kOpening,     // Connecting, greeting, EHLO, TLS.
    kIdle,        // May take a recipient.
    kSealing,     // The recipient's message is being signed.
    kCommitting,  // The attempt's record is on its way to the disk.
    kSending,     // The transaction is under way.
    kClosing,     // QUIT was said, or the connection is gone; it waits until its last outcome is durable.
    kEnded,       // Nothing follows.
  };
  // A message that is to come after the one under way.
  struct Waiting {
    Destination* destination = nullptr;
    ledger::RecipientId recipient = 0;
    std::unique_ptr<Sealed> sealed;
    bool written = false;    // Its envelope has left.
    bool attempted = false;  // Its attempt has begun: it is not given up any more.
    base::Instant sealed_at, written_at;
  };
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnSessionReady(Session& session) = 0;  // It became kIdle.
    // The message is sealed: the owner commits or releases it. Where `status` says why it cannot be, it is released.
    virtual void OnSessionSealed(Session& session, const absl::Status& status) = 0;
    // The server ended the connection between messages, or while one was being signed: no attempt was made, and the
    // sealer keeps the message. OnSessionEnded follows.
    virtual void OnSessionLost(Session& session) = 0;
    // The attempt is durable. False: the owner says Write later.
    virtual bool MayWrite(Session& session) = 0;
    virtual void OnSessionWrites(Session& session) = 0;       // The transaction begins, or a follower's content leaves.
    virtual void OnSessionMayTakeNext(Session& session) = 0;  // Perhaps: MayTakeNext says whether.
    // The message that comes next is to be in flight with the others: CommitNext begins its attempt, ReleaseNext gives
    // it up.
    virtual void OnNextSealed(Session& session) = 0;
    virtual void OnNextNotSealed(Session& session, const absl::Status& status) = 0;  // It was given up before.
    // A message that was to come next is given up: no attempt was made.
    virtual void OnNextLost(const Waiting& waiting) = 0;
    // It is ready, and a message waits to come next. False: it is given up.
    virtual bool KeepsNext(Session& session) = 0;
    // It is idle, and others want a session. False: it has carried nothing yet, and has work that it waits for.
    virtual bool MayMakeRoom(const Session& session) = 0;
    // The server wants the content of the transaction's message: its attempt begins with CommitContent.
    virtual void OnSessionContentWanted(Session& session) = 0;
    // The transaction is over; the session is kIdle, or on its way to kClosing (then OnSessionEnded follows).
    virtual void OnSessionResult(Session& session, const smtp::TransactionResult& result) = 0;
    // It never became ready; OnSessionEnded follows.
    virtual void OnSessionOpenFailed(Session& session, const smtp::ConnectionFact& fact) = 0;
    virtual void OnSessionClosing(Session& session) = 0;  // It takes no message any more.
    virtual void OnSessionEnded(Session& session) = 0;    // The last call. Not to be destroyed within it.
  };
  struct Options {
    std::uint64_t id = 0;
    std::size_t host = 0;  // In the site's host plan.
    std::string host_name;
    io::Endpoint remote;
    std::uint32_t deliveries_max = 0;  // Messages until QUIT; 0: no limit.
    std::uint32_t in_flight_max = 1;   // At once.
    base::Duration connect_timeout, idle_timeout;
    base::Duration data_block_timeout;  // For each 16 KiB of a message that the server is slow to take.
    smtp::Client::Options client;
    tls::Policy tls;            // Whom it may serve. What it does itself: client.tls.
    std::string policy_domain;  // For whose mail it was opened; empty: nobody's.
    std::uint64_t domain = 0;   // Its number, as tls::Policy::only_domain; 0: nobody's.
    tls::PolicyType policy_type = tls::PolicyType::kNone;
    bool is_named = true;               // By the domain's MTA-STS policy, where it has one.
    bool has_tlsa = false;              // The host has TLSA records: never in clear.
    std::vector<tls::TlsaRecord> tlsa;  // Those that are usable.
    std::string tlsa_base;              // Whose they are, where that is not the host's own name.
    std::string canonical_domain;       // As tls::ChannelFactory::Peer.
    bool tls_broken = false;            // In clear, because TLS was found broken there…
    bool tls_refused = false;           // …or because STARTTLS was refused there.
    tls::Profile profile = tls::Profile::kUsual;
    const Source* source = nullptr;
  };

  Session(const Options& options, const Context& context, Owner& owner);
  ~Session() override;

  void Open();
  // Has a claimed recipient's message sealed: OnSessionSealed follows, within this call where there is nothing to sign.
  // Errors: as Sealer::Seal; it stays kIdle. Requires: kIdle.
  absl::Status Seal(Destination& destination, ledger::RecipientId recipient);
  // Sends the message as soon as the attempt, which was added to the batch of this turn, is durable, and the owner lets
  // it. Requires:
  // kSealing, and OnSessionSealed was called.
  void Commit();
  // What is durable begins: the transaction, its content, or the next one. Requires: the owner said that it may not
  // yet.
  void Write();
  // Instead: nothing more of it leaves. Its connection ends, unless others are in flight there. No owner call follows
  // for the message; OnSessionClosing and OnSessionEnded do. Requires: the same.
  void Withhold();
  // What Write would begin.
  ledger::RecipientId writes_recipient() const { return WritesNext() ? next_->recipient : recipient_; }
  Destination* writes_destination() const { return WritesNext() ? next_->destination : destination_; }
  // Gives the message up: no attempt was made. It is kIdle then. Requires: kSealing.
  void Release();
  // Has the message sealed that comes next, as Seal. Requires: MayTakeNext.
  absl::Status SealNext(Destination& destination, ledger::RecipientId recipient);
  bool MayTakeNext() const;
  // Gives up what is to come next, if nothing of it has left: OnNextLost follows.
  void ReleaseNext();
  ledger::RecipientId next_recipient() const { return next_->recipient; }  // Requires: OnNextSealed was called.
  void CommitNext();                                                       // Likewise. The attempt was added.
  // As Commit, for the content of what was a follower. Requires: OnSessionContentWanted was called.
  void CommitContent();
  // Instead: gives the message up, and the connection with it. OnSessionResult follows. Requires: the same.
  void DropContent();
  // Says QUIT and closes. Requires: kIdle.
  void Quit();
  // From now on it carries so many messages; 0: no limit.
  void SetDeliveriesMax(std::uint32_t deliveries_max) { options_.deliveries_max = deliveries_max; }
  // It is to carry no more messages.
  void WearOut() { worn_out_ = true; }
  // From now on it serves only whoever has this policy, a narrower one than before.
  void KeepTo(const tls::Policy& policy) { options_.tls = policy; }
  // Ends it at once, whatever it does. No owner call follows.
  void Abandon();

  State state() const { return state_; }
  const Options& options() const { return options_; }
  Destination* destination() const { return destination_; }  // Of the transaction; null between them.
  ledger::RecipientId recipient() const { return recipient_; }
  std::uint64_t message_size() const { return size_; }
  bool was_signed_before() const { return signed_before_; }  // The message, by `sluice seal`.
  bool is_dropped() const { return dropped_; }
  bool is_attempted() const { return attempted_; }  // The attempt of the transaction has begun.
  bool is_written() const { return is_written_; }   // OnSessionWrites has been told of it.
  std::uint32_t mail_max() const {
    return client_.capabilities().mail_max;
  }                                                            // Messages that EHLO allows; 0: any number.
  std::uint32_t uses() const { return uses_; }                 // Transactions begun.
  const ledger::Timings& timings() const { return timings_; }  // Of the connection and the last transaction.
  base::Instant opened_at() const { return opened_at_; }
  base::Instant written_at() const { return written_at_; }             // Of the message that is under way, or was last.
  base::Instant busy_since() const { return busy_since_; }             // When it took the last message.
  const std::string& local_address() const { return local_address_; }  // Empty: not connected.
  const std::string& peer_address() const { return peer_address_; }
  const tls::ChannelInfo* tls_info() const { return tls_up_ ? &channel_->info() : nullptr; }  // Null: in clear.
  // What is wrong with the certificate, as far as it was looked at.
  tls::Result certificate() const { return channel_ == nullptr ? tls::Result::kSuccess : channel_->info().certificate; }
  int cannot_bind() const { return cannot_bind_; }  // errno, where the source address could not be used; else 0.
  bool IsWornOut() const;

  // The site's: which of its lists it is in.
  enum class Listing : std::uint8_t { kOpening, kIdle, kBusy, kClosing };
  base::ListHook site_hook, writer_hook;
  Listing listing = Listing::kOpening;

 private:
  // io::StreamHandler
  void OnConnect() override;
  void OnReceive(std::string_view bytes) override;
  void OnSent() override;
  void OnClose(io::CloseReason reason) override;
  // DurableWaiter
  void OnRecordsDurable() override;
  // Sealed::Waiter
  void OnSealed(const absl::Status& status) override;
  // SessionBudget::Idler
  bool OnSlotWanted() override;
  // tls::Channel::Output
  void Write(std::string_view bytes) override;
  // smtp::Client::Handler
  void OnStartTls() override;
  void OnReady() override;
  void OnTransactionDone(const smtp::TransactionResult& result) override;
  void OnFollowing() override;
  void OnContentWanted() override;
  void OnSessionFailed(const smtp::ConnectionFact& fact) override;
  void OnFinished() override;

  void Send(absl::Span<const std::string_view> pieces);
  void ReceiveTls(std::string_view bytes);
  // Of the client's bytes, when so many of the stream's were not taken by the kernel.
  std::uint64_t UnsentByClient(std::uint64_t unsent) const;
  void CloseStream();
  void Advance();  // Sends what the client wants sent, sets the timer to its deadline.
  void OnTimer();
  void SetTimer();
  void BeIdle();
  void StartTransaction();
  static smtp::Client::Transaction TransactionOf(const Sealed& sealed);
  bool IsWornOutAfter(std::uint32_t more) const;
  void GiveNext();
  void OnFollowerWritten();
  bool WritesNext() const { return state_ == State::kSending; }
  void WriteNext();
  void TakeCommittedNext();
  void TakeNextNow();
  void TakeOver(std::optional<Waiting>& waiting);
  void LoseWaiting();
  void SendContent();
  void End();

  Options options_;
  const Context& context_;
  Owner& owner_;
  State state_ = State::kOpening;
  io::StreamId stream_ = io::StreamId::kNone;
  smtp::Client client_;
  std::unique_ptr<tls::Channel> channel_;  // Null: in clear.
  bool tls_up_ = false;
  std::uint64_t tls_written_ = 0;       // Bytes of the channel, for the stream…
  std::uint64_t tls_client_begin_ = 0;  // …and where what the client said last begins…
  std::uint64_t tls_content_end_ = 0;   // …where a message's content ends, if it has one…
  std::uint64_t tls_client_end_ = 0;    // …and where all of it ends among them;
  std::uint64_t client_said_ = 0;       // so many bytes of the client's,
  std::uint64_t behind_content_ = 0;    // and so many of these are a follower's envelope.
  io::Timer timer_;
  std::optional<std::uint64_t> watched_unsent_;  // Of a message, when the timer was set; none: the server has it all.
  Destination* destination_ = nullptr;
  ledger::RecipientId recipient_ = 0;
  std::unique_ptr<Sealed> sealed_;
  std::uint64_t size_ = 0;
  bool signed_before_ = false;
  bool attempted_ = false, is_written_ = false;
  bool dropped_ = false;       // DropContent was called.
  bool only_content_ = false;  // Of the transaction is left to be sent, once the attempt is durable.
  std::optional<Waiting> next_, follower_;
  std::list<Waiting> in_flight_;  // Written behind the transaction.
  std::uint32_t uses_ = 0;
  bool worn_out_ = false;
  std::string local_address_;
  const std::string peer_address_;
  int cannot_bind_ = 0;
  std::uint32_t timed_wait_ = 0;  // The client's wait that the timer was last set for.
  base::Instant opened_at_, connected_at_, tls_began_at_, busy_since_, sealed_at_, written_at_;
  ledger::Timings timings_;
};

}  // namespace delivery
