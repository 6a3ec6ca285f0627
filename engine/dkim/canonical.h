// The canonical forms that DKIM hashes (RFC 6376 section 3.4). Pure, and incremental: a body comes in borrowed pieces
// of any size, and leaves as stretches of these pieces wherever the canonical form equals what was given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace dkim {

enum class Canonicalization : std::uint8_t { kSimple, kRelaxed };
std::string_view ToString(Canonicalization mode);  // As in c=.

// Appends the canonical form of one header field, with its CRLF. `field`: name, colon and value with its folds; the
// CRLF at its end may be absent, and is then absent in the result too (a signature's own field, section 3.7).
void AppendCanonicalField(Canonicalization mode, std::string_view field, std::string& out);

class BodyCanonicalizer {
 public:
  // Gets the canonical bytes in order. They are valid during the call.
  using Sink = absl::FunctionRef<void(std::string_view)>;

  explicit BodyCanonicalizer(Canonicalization mode) : relaxed_(mode == Canonicalization::kRelaxed) {}

  void Add(std::string_view piece, Sink sink);
  // The body is complete. It ends with one CRLF, but for an empty relaxed body, which stays empty. Ready for the next
  // body then.
  void Finish(Sink sink);

 private:
  bool IsSpace(char c) const { return relaxed_ && (c == ' ' || c == '\t'); }
  void Flush(Sink sink);
  const char* EndOfRun(const char* from, const char* end) const;

  bool relaxed_;
  // What was read and not passed on, in this order: line ends, which count for nothing at the end of the body; a run of
  // white space in the line at hand; a CR that may be half of a line end.
  std::uint64_t line_ends_ = 0;
  bool space_ = false;
  bool cr_ = false;
  bool any_ = false;  // Something was passed on.
};

}  // namespace dkim
