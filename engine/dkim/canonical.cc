#include "engine/dkim/canonical.h"

#include "engine/base/text.h"
#include "engine/dkim/plain_blocks.h"

namespace dkim {
namespace {

bool IsWhiteSpace(char c) { return c == ' ' || c == '\t'; }

}  // namespace

std::string_view ToString(Canonicalization mode) { return mode == Canonicalization::kSimple ? "simple" : "relaxed"; }

void AppendCanonicalField(Canonicalization mode, std::string_view field, std::string& out) {
  if (mode == Canonicalization::kSimple) {
    out.append(field);
    return;
  }
  const bool has_end = field.ends_with("\r\n");
  if (has_end) field.remove_suffix(2);
  std::size_t name_end = field.find(':');
  const std::string_view value = name_end == std::string_view::npos ? "" : field.substr(name_end + 1);
  if (name_end == std::string_view::npos) name_end = field.size();
  while (name_end > 0 && IsWhiteSpace(field[name_end - 1])) --name_end;
  for (char c : field.substr(0, name_end)) out.push_back(base::ToLowerAscii(c));
  out.push_back(':');
  bool space = false, any = false;
  for (std::size_t i = 0; i < value.size();) {
    if (value[i] == '\r' && i + 1 < value.size() && value[i + 1] == '\n') {  // Unfolded: the CRLF goes.
      i += 2;
    } else if (IsWhiteSpace(value[i])) {
      space = true;
      ++i;
    } else {
      if (space && any) out.push_back(' ');
      space = false;
      any = true;
      std::size_t word_end = i + 1;
      while (word_end < value.size() && !IsWhiteSpace(value[word_end]) && value[word_end] != '\r') ++word_end;
      out.append(value, i, word_end - i);
      i = word_end;
    }
  }
  if (has_end) out.append("\r\n");
}

// Passes on what was held back: content follows.
void BodyCanonicalizer::Flush(Sink sink) {
  for (; line_ends_ > 0; --line_ends_) sink("\r\n");
  if (space_) sink(" ");
  if (cr_) sink("\r");  // It was none of a line end.
  space_ = cr_ = false;
  any_ = true;
}

// The end of the stretch, from a byte of content on, that is canonical as it stands whatever follows `end`.
const char* BodyCanonicalizer::EndOfRun(const char* from, const char* end) const {
  const char* at = SkipPlainBlocks(from, end, relaxed_);
  while (true) {
    if (relaxed_) {
      while (at < end && (static_cast<unsigned char>(*at) > ' ' || (*at != ' ' && *at != '\t' && *at != '\r'))) ++at;
    } else {
      while (at < end && *at != '\r') ++at;
    }
    if (at == end) return at;
    if (*at == ' ') {  // One space between words stays.
      if (at + 1 == end || IsSpace(at[1]) || at[1] == '\r') return at;
      at += 1;
    } else if (*at == '\r') {  // So does a line end before content.
      if (end - at < 3 || at[1] != '\n' || at[2] == '\r' || IsSpace(at[2])) return at;
      at += 2;
    } else {
      return at;
    }
  }
}

void BodyCanonicalizer::Add(std::string_view piece, Sink sink) {
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (at < end) {
    if (cr_ && *at == '\n') {
      cr_ = space_ = false;  // White space before a line end goes.
      ++line_ends_;
      ++at;
    } else if (*at == '\r') {
      if (cr_) Flush(sink);
      cr_ = true;
      ++at;
    } else if (IsSpace(*at)) {
      if (cr_) Flush(sink);
      space_ = true;
      ++at;
    } else {
      Flush(sink);
      const char* const run = EndOfRun(at, end);
      sink(std::string_view(at, static_cast<std::size_t>(run - at)));
      at = run;
    }
  }
}

void BodyCanonicalizer::Finish(Sink sink) {
  if (cr_) Flush(sink);
  if (any_ || !relaxed_) sink("\r\n");
  line_ends_ = 0;
  space_ = any_ = false;
}

}  // namespace dkim
