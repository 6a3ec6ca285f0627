// Turns a recipient into the bytes to send: reads the roster row, renders the template, names it with its token, and
// has it signed. Nothing that depends on a session goes into these bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/time.h"
#include "engine/delivery/job.h"
#include "engine/delivery/planted_bugs.h"
#include "engine/delivery/signature_file.h"
#include "engine/dkim/signature.h"
#include "engine/dkim/signer.h"
#include "engine/io/clock.h"
#include "engine/ledger/record.h"
#include "engine/message/renderer.h"
#include "engine/roster/row_value.h"

namespace delivery {

// Where signatures were made before the send: how the messages that were delivered in this run got theirs.
struct SignatureCounts {
  std::uint64_t made_before = 0;  // Messages.
  std::uint64_t made_now = 0;     // None was there, it was too old, or not that of the message as it is now.
  void Add(const SignatureCounts& other) {
    made_before += other.made_before;
    made_now += other.made_now;
  }
};

// One message with its envelope: being signed, or sealed and ready to go. Kept in a pool: the memory of the last
// message serves the next.
class Sealed {
 public:
  // Hears once that the message is sealed, or that it cannot be: a key does not sign.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual void OnSealed(const absl::Status& status) = 0;
  };

  // `fixed_header` is borrowed: Job::fixed_header.
  Sealed(dkim::Signer& signer, std::string_view fixed_header) : signer_(signer), fixed_header_(fixed_header) {}
  Sealed(const Sealed&) = delete;
  Sealed& operator=(const Sealed&) = delete;
  ~Sealed() { Cancel(); }

  // The signatures' header fields and the message, in order. Requires: IsReady.
  absl::Span<const std::string_view> pieces() const { return pieces_; }
  std::uint64_t size() const { return size_; }  // In octets, of all pieces.
  bool IsReady() const { return !pieces_.empty(); }
  bool IsUnderWay() const { return unsigned_ > 0; }
  const std::string& recipient() const { return recipient_; }  // RCPT TO, as typed.
  std::string_view sender() const { return message_.envelope_sender(); }
  bool needs_smtputf8() const { return message_.needs_smtputf8(); }
  bool was_made_before() const { return made_before_; }  // Its signatures, all of them.
  // As they were made, by key. Requires: IsReady, and the signer made them.
  std::vector<MadeSignatures::One> signatures() const;

 private:
  friend class Sealer;
  class Signature final : public dkim::SignRequest {
   public:
    explicit Signature(Sealed& owner) : owner_(owner) {}
    void OnSigned(const absl::Status& status) override { owner_.OnSigned(*this, status); }
    std::string field;  // Up to "b=", and whole when it is signed.

   private:
    Sealed& owner_;
  };

  void OnSigned(Signature& signature, const absl::Status& status);
  void Cancel();    // What is still to be signed is forgotten.
  void Assemble();  // Everything is signed.

  dkim::Signer& signer_;
  const std::string_view fixed_header_;
  Waiter* waiter_ = nullptr;  // Null: nobody waits; it is kept.
  message::Rendered message_;
  std::string recipient_;
  std::vector<std::unique_ptr<Signature>> signatures_;  // By key; kept for the next message.
  std::size_t unsigned_ = 0;
  bool made_before_ = false;
  std::vector<std::string_view> pieces_;
  std::uint64_t size_ = 0;
};

class Sealer {
 public:
  Sealer(const Job& job, const io::Clock& clock, dkim::Signer& signer, PlantedBugs bugs = {});

  // Renders a message and asks for its signatures, or hands out the one that was kept. Where there are none to make it
  // is ready at once; else `waiter` hears later. Errors: this row cannot be rendered; the text says why.
  absl::StatusOr<std::unique_ptr<Sealed>> Seal(ledger::RecipientId recipient, Sealed::Waiter& waiter);
  // Takes one back for the next Seal, sealed or not; its waiter hears nothing any more.
  void Recycle(std::unique_ptr<Sealed> sealed);
  // Keeps one, sealed or not, for the recipient's next Seal: its session was lost. Only the last few are kept, and not
  // for long.
  void Keep(ledger::RecipientId recipient, std::unique_ptr<Sealed> sealed);
  // A message was delivered, and had been sealed so.
  void CountDelivered(bool made_before) {
    if (job_.signatures != nullptr) ++(made_before ? counts_.made_before : counts_.made_now);
  }
  const SignatureCounts& counts() const { return counts_; }

 private:
  struct Kept {
    ledger::RecipientId recipient;
    base::Instant until;
    std::unique_ptr<Sealed> sealed;
  };
  std::unique_ptr<Sealed> TakeKept(ledger::RecipientId recipient);
  std::unique_ptr<Sealed> TakePooled();
  std::optional<MadeSignatures> MadeBefore(ledger::RecipientId recipient) const;
  absl::Status Render(ledger::RecipientId recipient, base::WallTime date, Sealed& sealed);
  bool UseMadeBefore(const MadeSignatures& made, Sealed& sealed);
  void AskForSignatures(Sealed& sealed);

  const Job& job_;
  const io::Clock& clock_;
  dkim::Signer& signer_;
  const PlantedBugs bugs_;
  dkim::Digest last_digest_{};  // With a planted bug.
  dkim::Composer composer_;
  const base::Duration made_age_max_;
  const bool same_body_;
  roster::RowValue row_value_;
  std::vector<std::unique_ptr<Sealed>> pool_;
  std::deque<Kept> kept_;  // The oldest first.
  SignatureCounts counts_;
};

}  // namespace delivery
