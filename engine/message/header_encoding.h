// Puts texts into header fields so that any text is safe there: RFC 5322 quoting and folding, RFC 2047 encoded-words.
// Lines stay within 78 octets where the text lets them, and within 998 always.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace message {

bool IsAscii(std::string_view text);

// Appends `text` as header text: each run of control characters (C0, DEL, C1, the Unicode line and paragraph
// separators) becomes one space, each invalid UTF-8 byte becomes U+FFFD, and spaces at both ends go.
void AppendCleanText(std::string_view text, std::string& out);

// The functions below append words to `out`, each with the space or the fold that goes before it, and return the new
// length of the present line; `column` is its length now ("Subject:" is 8). Texts are clean (AppendCleanText).

// Unstructured text (Subject and the like): as it is where that is safe, else encoded-words. `keep_long_words`: words
// beyond 77 octets stay as they are up to 900 (values that programs read, such as URLs), instead of becoming
// encoded-words.
std::size_t AppendUnstructured(std::string_view text, std::size_t column, bool keep_long_words, std::string& out);

// A display name and an address: atoms, a quoted-string or encoded-words, then <address>; the address alone when the
// name is empty.
std::size_t AppendMailbox(std::string_view name, std::string_view address, std::size_t column, std::string& out);

// Encoded-words that hold `text`, each within 75 octets and of whole characters, on lines within 76; B or Q, whichever
// is shorter. They are fit for phrases too (RFC 2047 section 5 (3)).
std::size_t AppendEncodedWords(std::string_view text, std::size_t column, std::string& out);

// One word that must not be changed, such as an address or a URL in angle brackets.
std::size_t AppendWord(std::string_view word, std::size_t column, std::string& out);

// Appends `text` with what may not stand in a URI (RFC 3986) percent-encoded: controls, space, " < > \ ^ ` { | } and
// non-ASCII.
void AppendUri(std::string_view text, std::string& out);
// Appends `text` with all but the unreserved characters (letters, digits, - . _ ~) percent-encoded.
void AppendPercentEncoded(std::string_view text, std::string& out);

// Whether `text` is an ordinary address: dot-atom local part within 64 octets, a domain name, 254 octets in all (RFC
// 5321 section 4.5.3.1); ASCII, but for the local part when `utf8_allowed`.
bool IsPlainAddress(std::string_view text, bool utf8_allowed);
// Whether `text` can stand for an address in a header or command without harm: no controls, an "@" inside, 320 octets
// at most.
bool IsHarmlessAddress(std::string_view text, bool utf8_allowed);

}  // namespace message
