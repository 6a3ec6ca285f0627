// Finds the octets that CSV gives a meaning, 64 at a time: all of them are looked for in one pass over the text.
#pragma once

#include <cstdint>
#include <string_view>

namespace campaign {

class CsvScan {
 public:
  // From here on it is of this text, which stays where it is, and goes forward through it.
  void Reset(std::string_view text, char separator);

  // The next separator or line feed at `at` or behind it; the end of the text where there is none. Requires: `at` is
  // within the text or its end, and not before a place that was asked for or found since Reset.
  const char* NextEnd(const char* at);
  // The next quote likewise. Adds the line feeds before it.
  const char* NextQuote(const char* at, std::uint64_t& line_feeds);

  // False: from `begin` up to what was found last all is ASCII, without NUL. True: perhaps not.
  bool MayBeOddSince(const char* begin) const { return odd_end_ > begin; }

 private:
  struct Masks {  // A bit for each octet of a block; the first octet's is the lowest.
    std::uint64_t ends = 0, line_feeds = 0, quotes = 0, odd = 0;
  };
  static Masks OctetByOctet(const char* at, int size, char separator);
  static Masks WholeBlock(const char* at, char separator);
  void Load(const char* at);

  const char* end_ = nullptr;  // Of the text.
  char separator_ = ',';
  const char *block_ = nullptr, *block_end_ = nullptr;
  Masks masks_;                    // Of the block.
  const char* odd_end_ = nullptr;  // Behind the last octet that is NUL or not ASCII, of all blocks up to here.
};

}  // namespace campaign
