// Turns a recipient into the bytes to send: reads the roster row, renders the template, names it with its token.
// Signing joins here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/delivery/job.h"
#include "engine/io/clock.h"
#include "engine/ledger/record.h"
#include "engine/message/renderer.h"
#include "engine/roster/row_value.h"

namespace delivery {

// A message that is ready to go, with its envelope. Kept in a pool: the memory of the last message serves the next.
struct Sealed {
  message::Rendered message;
  std::string recipient;  // RCPT TO, as typed.
};

class Sealer {
 public:
  Sealer(const Job& job, const io::Clock& clock);

  // Errors: this row cannot be rendered; the text says why.
  absl::StatusOr<std::unique_ptr<Sealed>> Seal(ledger::RecipientId recipient);
  // Takes one back for the next Seal.
  void Recycle(std::unique_ptr<Sealed> sealed);

 private:
  const Job& job_;
  const io::Clock& clock_;
  roster::RowValue row_value_;
  std::vector<std::unique_ptr<Sealed>> pool_;
};

}  // namespace delivery
