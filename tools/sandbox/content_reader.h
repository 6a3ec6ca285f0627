// Content of a message as it comes in: the end of DATA is found and its dot stuffing undone; line ends and lengths are
// checked. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace sandbox {

// Looks for what content must not contain (RFC 5321 §2.3.8, §4.5.3.1.6), over pieces of any size.
class LineChecker {
 public:
  static constexpr std::uint32_t kLineMax = 998;  // Without CRLF.

  struct Faults {
    bool bare_cr = false;
    bool bare_lf = false;
    bool long_line = false;
    bool nul = false;
    bool eight_bit = false;
    bool no_final_line_end = false;
  };

  void Start() { *this = LineChecker(); }
  void Feed(std::string_view bytes);
  void Finish();  // The content ends here.
  const Faults& faults() const { return faults_; }

 private:
  Faults faults_;
  bool after_cr_ = false;
  std::uint64_t length_ = 0;  // Of the line so far.
};

// DATA content. Only CRLF "." CRLF ends it (RFC 5321 §4.1.1.4): what other servers mistake for an end is content here.
class ContentReader {
 public:
  void Start() { *this = ContentReader(); }
  // Passes on the content in `bytes`, without stuffing, and moves `bytes` behind what was used up. True: the end was
  // there.
  bool Feed(std::string_view& bytes, absl::FunctionRef<void(std::string_view)> sink);
  // A line began with one dot and something else: the client does not stuff.
  bool unstuffed_dot() const { return unstuffed_dot_; }

 private:
  enum class State : std::uint8_t { kLineStart, kInLine, kAfterCr, kDot, kDotCr };
  State state_ = State::kLineStart;
  bool unstuffed_dot_ = false;
};

}  // namespace sandbox
