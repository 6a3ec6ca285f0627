#include "engine/delivery/session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr std::uint64_t kBlock = 16384;  // Who takes less in the time of a block stands still.

std::uint32_t Microseconds(base::Duration d) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(d.microseconds(), 0, UINT32_MAX));
}

}  // namespace

Session::Session(const Options& options, const Context& context, Owner& owner)
    : options_(options),
      context_(context),
      owner_(owner),
      client_(options.client, *this),
      timer_([this] { OnTimer(); }),
      peer_address_(options.remote.address.ToString()) {}

Session::~Session() {
  context_.commits.Cancel(*this);
  context_.budget.RemoveIdle(*this);
  if (stream_ != io::StreamId::kNone) context_.io.Close(stream_, io::CloseMode::kReset);
}

void Session::Open() {
  opened_at_ = context_.clock.Now();
  context_.timers.Set(timer_, opened_at_ + options_.connect_timeout);
  stream_ = context_.io.Connect({.remote = options_.remote, .source = options_.source->address}, *this);
}

// ---- the stream ----

void Session::OnConnect() {
  connected_at_ = context_.clock.Now();
  timings_.connect = Microseconds(connected_at_ - opened_at_);
  local_address_ = context_.io.Local(stream_).address.ToString();
  client_.OnConnected(connected_at_);
  Advance();
}

void Session::OnReceive(std::string_view bytes) {
  if (channel_ != nullptr) {
    ReceiveTls(bytes);
  } else {
    client_.OnReceived(bytes, context_.clock.Now());
  }
  Advance();
}

void Session::OnSent() {
  if (!watched_unsent_.has_value() || state_ != State::kSending) return;
  watched_unsent_.reset();
  context_.timers.Set(timer_,
                      context_.clock.Now() + client_.Timeout());  // The server has all: its reply's time begins.
}

void Session::OnClose(io::CloseReason reason) {
  stream_ = io::StreamId::kNone;
  cannot_bind_ = reason.stage == io::Stage::kBind ? reason.error : 0;
  client_.OnClosed(reason.error, UnsentByClient(reason.unsent), reason.stage == io::Stage::kStream);
  Advance();
}

void Session::OnTimer() {
  const std::uint64_t unsent = stream_ == io::StreamId::kNone ? 0 : context_.io.Unsent(stream_);
  if (state_ == State::kIdle) {  // Idle for long enough.
    Quit();
    return;
  }
  if (watched_unsent_.has_value() && unsent > 0 && unsent + kBlock <= *watched_unsent_) {  // It is slow, and it moves.
    watched_unsent_ = unsent;
    context_.timers.Set(timer_, context_.clock.Now() + options_.data_block_timeout);
    return;
  }
  client_.OnTimeout(UnsentByClient(unsent));
  Advance();
}

// Sends what the client has to say, and sets the timer to what it waits for.
void Session::Advance() {
  if (stream_ != io::StreamId::kNone && !client_.IsFinished()) {
    std::vector<std::string_view> pieces;
    client_.TakeOutput(pieces);
    if (!pieces.empty()) Send(pieces);
    if (sealed_ != nullptr && state_ == State::kSending && client_.IsContentTaken())
      context_.sealer.Recycle(std::move(sealed_));
    if (follower_.has_value() && !follower_->written && client_.IsFollowerSent()) OnFollowerWritten();
  }
  if (state_ == State::kIdle || state_ == State::kSealing || state_ == State::kCommitting || state_ == State::kEnded)
    return;
  if (client_.wait_number() == timed_wait_) return;
  timed_wait_ = client_.wait_number();
  SetTimer();
}

// The time of the last reply begins when the server has the whole message. If it does not have it by then, each block
// of the rest has a time of its own (RFC 5321 section 4.5.3.2.5).
void Session::SetTimer() {
  const bool sending = client_.IsSendingContent() && stream_ != io::StreamId::kNone;
  const std::uint64_t unsent = sending ? context_.io.Unsent(stream_) : 0;
  watched_unsent_ = unsent > 0 ? std::optional(unsent) : std::nullopt;
  const base::Duration timeout = client_.Timeout();
  if (timeout != base::Duration()) context_.timers.Set(timer_, context_.clock.Now() + timeout);
}

void Session::Send(absl::Span<const std::string_view> pieces) {
  if (channel_ == nullptr) {
    context_.io.Send(stream_, pieces);
    return;
  }
  tls_client_begin_ = tls_written_;
  client_said_ = 0;
  for (const std::string_view piece : pieces) client_said_ += piece.size();
  behind_content_ = std::min(client_.BytesBehindContent(), client_said_);
  std::size_t content = pieces.size();  // Its pieces; in records of their own, whose end tells whether it has left.
  for (std::uint64_t behind = 0; behind < behind_content_;) behind += pieces[--content].size();
  if (channel_->state() != tls::Channel::State::kOpen)  // The reply that is being read came with a goodbye.
    return client_.OnClosed(0, /*unsent=*/client_said_, /*connected=*/true);
  absl::Status status;
  if (content > 0) status = channel_->Send(pieces.first(content), *this);
  tls_content_end_ = tls_written_;
  if (status.ok() && content < pieces.size()) status = channel_->Send(pieces.subspan(content), *this);
  tls_client_end_ = tls_written_;
  if (!status.ok()) client_.OnTlsFailed(std::string(status.message()), /*unsent=*/behind_content_ + 1);
}

// In order, with FIN. What is queued is dropped: it may complete a message of which nobody waits for the reply any
// more.
void Session::CloseStream() {
  if (stream_ == io::StreamId::kNone) return;
  io::CloseMode mode = io::CloseMode::kNow;
  if (channel_ != nullptr && channel_->state() == tls::Channel::State::kOpen && context_.io.Unsent(stream_) == 0) {
    channel_->Close(*this);
    mode = io::CloseMode::kFlush;
  }
  context_.io.Close(std::exchange(stream_, io::StreamId::kNone), mode);
}

// ---- TLS ----

void Session::OnStartTls() {
  tls_began_at_ = context_.clock.Now();
  const std::string& name = options_.tlsa_base.empty() ? options_.host_name : options_.tlsa_base;
  channel_ = context_.tls.MakeClient({.host_name = name,
                                      .address = options_.remote.address,
                                      .policy = options_.tls,
                                      .tlsa = options_.tlsa,
                                      .domain = options_.policy_domain,
                                      .canonical_domain = options_.canonical_domain,
                                      .profile = options_.profile});
  channel_->Start(*this);
}

void Session::Write(std::string_view bytes) {
  if (stream_ == io::StreamId::kNone) return;
  tls_written_ += bytes.size();
  context_.io.Send(stream_, {&bytes, 1});
}

void Session::ReceiveTls(std::string_view bytes) {
  const base::Instant now = context_.clock.Now();
  std::string plain;
  const absl::Status status = channel_->Receive(bytes, plain, *this);
  if (!tls_up_ && !channel_->info().protocol.empty()) {
    tls_up_ = true;
    timings_.tls = Microseconds(now - tls_began_at_);
    client_.OnTlsUp(now);
  }
  if (!plain.empty()) client_.OnReceived(plain, now);
  const std::uint64_t unsent = stream_ == io::StreamId::kNone ? 0 : UnsentByClient(context_.io.Unsent(stream_));
  if (!status.ok()) {
    client_.OnTlsFailed(std::string(status.message()), unsent);
  } else if (channel_->state() == tls::Channel::State::kClosed) {
    client_.OnClosed(0, unsent, /*connected=*/true);
  }
}

// Nobody can read a record before its last byte is there. So while bytes of the client's last records are left, the end
// of what it said last has not been told; how much of the beginning has, is not known unless it is nothing.
std::uint64_t Session::UnsentByClient(std::uint64_t unsent) const {
  if (channel_ == nullptr) return unsent;
  const std::uint64_t taken = tls_written_ - std::min(unsent, tls_written_);
  if (taken >= tls_client_end_) return 0;
  if (taken <= tls_client_begin_) return client_said_;
  return taken < tls_content_end_ ? behind_content_ + 1 : 1;
}

// ---- the client ----

void Session::OnReady() {
  if (state_ == State::kOpening)
    timings_.banner = Microseconds(context_.clock.Now() - connected_at_ - base::Duration::Microseconds(timings_.tls));
  if (next_.has_value() && next_->attempted) return TakeCommittedNext();
  if (follower_.has_value() || next_.has_value()) {
    if (owner_.KeepsNext(*this)) {
      TakeNextNow();
      return;
    }
    LoseWaiting();
  }
  BeIdle();
  owner_.OnSessionReady(*this);
}

void Session::BeIdle() {
  state_ = State::kIdle;
  context_.timers.Set(timer_, context_.clock.Now() + options_.idle_timeout);
  context_.budget.AddIdle(*this);
}

void Session::OnTransactionDone(const smtp::TransactionResult& result) {
  timings_.dot = Microseconds(context_.clock.Now() - std::max(written_at_, busy_since_));
  if (sealed_ != nullptr) context_.sealer.Recycle(std::move(sealed_));
  watched_unsent_.reset();
  state_ = State::kClosing;  // Unless OnReady follows.
  owner_.OnSessionResult(*this, result);
  destination_ = nullptr;
}

void Session::OnSessionFailed(const smtp::ConnectionFact& fact) { owner_.OnSessionOpenFailed(*this, fact); }

// The connection is to end. The session stays until its last outcome is durable: what it had in flight counts as open
// until then.
void Session::OnFinished() {
  CloseStream();
  context_.timers.Cancel(timer_);
  context_.budget.RemoveIdle(*this);
  if (next_.has_value() && next_->attempted) TakeCommittedNext();
  if (state_ == State::kCommitting) return;  // The attempt is written down already: StartTransaction ends it.
  const bool sealing = state_ == State::kSealing;
  const bool lost = sealing || state_ == State::kIdle;
  state_ = State::kClosing;
  if (sealing) context_.sealer.Keep(recipient_, std::move(sealed_));
  if (lost) owner_.OnSessionLost(*this);
  destination_ = nullptr;
  LoseWaiting();
  owner_.OnSessionClosing(*this);
  context_.commits.Cancel(*this);
  if (context_.commits.IsBusy() && uses_ > 0) {
    context_.commits.Wait(*this);
  } else {
    End();
  }
}

void Session::End() {
  state_ = State::kEnded;
  owner_.OnSessionEnded(*this);
}

// ---- the owner ----

// As many messages as the limits or the server allow.
bool Session::IsWornOutAfter(std::uint32_t more) const {
  const std::uint32_t mail_max = client_.capabilities().mail_max;
  const std::uint32_t uses = uses_ + more;
  return worn_out_ || (options_.deliveries_max != 0 && uses >= options_.deliveries_max) ||
         (mail_max != 0 && uses >= mail_max);
}

bool Session::IsWornOut() const { return IsWornOutAfter(0); }

absl::Status Session::Seal(Destination& destination, ledger::RecipientId recipient) {
  CHECK(state_ == State::kIdle && client_.IsReady());
  absl::StatusOr<std::unique_ptr<Sealed>> sealed = context_.sealer.Seal(recipient, *this);
  if (!sealed.ok()) return sealed.status();
  context_.timers.Cancel(timer_);
  context_.budget.RemoveIdle(*this);
  state_ = State::kSealing;
  busy_since_ = context_.clock.Now();
  destination_ = &destination;
  recipient_ = recipient;
  is_written_ = false;
  sealed_ = *std::move(sealed);
  if (sealed_->IsReady()) OnSealed(absl::OkStatus());
  return absl::OkStatus();
}

void Session::OnSealed(const absl::Status& status) {
  if (state_ == State::kSealing) {
    owner_.OnSessionSealed(*this, status);
  } else if (status.ok()) {
    GiveNext();
  } else {
    ReleaseNext();
    owner_.OnNextNotSealed(*this, status);
  }
}

void Session::Release() {
  CHECK(state_ == State::kSealing);
  ReleaseNext();
  context_.sealer.Recycle(std::move(sealed_));
  destination_ = nullptr;
  BeIdle();
}

void Session::Commit() {
  CHECK(state_ == State::kSealing && sealed_->IsReady());
  state_ = State::kCommitting;
  attempted_ = true;
  size_ = sealed_->size();
  signed_before_ = sealed_->was_made_before();
  ++uses_;
  sealed_at_ = context_.clock.Now();
  if (context_.bugs.skip_attempt_barrier) {
    StartTransaction();
    Advance();
  } else {
    context_.commits.Wait(*this);
  }
}

void Session::OnRecordsDurable() {
  if (state_ == State::kClosing) {
    End();
    return;
  }
  CHECK(state_ == State::kSending || state_ == State::kCommitting);
  if (owner_.MayWrite(*this)) Write();
}

void Session::Write() {
  if (state_ == State::kSending) {
    WriteNext();
  } else {
    CHECK(state_ == State::kCommitting);
    only_content_ ? SendContent() : StartTransaction();
  }
  Advance();
}

void Session::StartTransaction() {
  written_at_ = context_.clock.Now();
  timings_.queue = Microseconds(written_at_ - sealed_at_);
  state_ = State::kSending;
  timed_wait_ = client_.wait_number();
  is_written_ = true;
  owner_.OnSessionWrites(*this);
  if (client_.IsFinished()) {  // The server hung up while the record was on its way: no byte of the message left.
    smtp::TransactionResult nothing_sent;
    nothing_sent.end = smtp::TransactionResult::End::kClosed;
    OnTransactionDone(nothing_sent);
    OnFinished();
    return;
  }
  client_.Begin(TransactionOf(*sealed_), written_at_);
  owner_.OnSessionMayTakeNext(*this);
}

bool Session::OnSlotWanted() {
  if (state_ != State::kIdle || !owner_.MayMakeRoom(*this)) return false;
  Quit();
  return true;
}

void Session::Quit() {
  CHECK(state_ == State::kIdle);
  context_.budget.RemoveIdle(*this);
  state_ = State::kClosing;
  owner_.OnSessionClosing(*this);
  client_.Quit();
  Advance();
}

void Session::Abandon() {
  context_.timers.Cancel(timer_);
  context_.commits.Cancel(*this);
  context_.budget.RemoveIdle(*this);
  if (stream_ != io::StreamId::kNone)
    context_.io.Close(std::exchange(stream_, io::StreamId::kNone), io::CloseMode::kReset);
  state_ = State::kEnded;
}

}  // namespace delivery
