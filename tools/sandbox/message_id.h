// Finds the Message-ID of a message while its bytes pass by, and stops looking where the header ends. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sandbox {

class MessageIdFinder {
 public:
  void Start();
  // False: the header is over, or the Message-ID was found; no more bytes are wanted.
  bool Feed(std::string_view bytes);
  const std::string& id() const { return id_; }  // With its angle brackets; "" when there was none (yet).

 private:
  static constexpr std::size_t kLineMax = 4'096;  // What is beyond cannot be the Message-ID.
  bool OnLine(std::string_view line);

  std::string id_;
  std::string line_;  // The begin of a line that came in pieces.
  bool found_name_ = false;
  bool done_ = false;
};

}  // namespace sandbox
