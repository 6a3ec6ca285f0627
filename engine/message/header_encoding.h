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

// The functions below append to `out`, whose present line is `column` octets long, and return the new column. Their
// texts are clean.

// Unstructured text (Subject and the like): as it is where that is safe, else encoded-words. `keep_long_words`: words
// beyond 78 octets stay as they are up to 900 (values that programs read, such as URLs), instead of becoming
// encoded-words.
std::size_t AppendUnstructured(std::string_view text, std::size_t column, bool keep_long_words, std::string& out);

// A display name and an address: atoms, a quoted-string or encoded-words, then <address>; the address alone when the
// name is empty.
std::size_t AppendMailbox(std::string_view name, std::string_view address, std::size_t column, std::string& out);

// Encoded-words that hold `text`, each within 75 octets, of whole characters, folded as needed; B or Q, whichever is
// shorter. `phrase`: with only the characters that RFC 2047 section 5 (3) lets stand in a phrase.
std::size_t AppendEncodedWords(std::string_view text, std::size_t column, bool phrase, std::string& out);

// Appends `text` with what may not stand in a URI (RFC 3986) percent-encoded: controls, space, " < > \ ^ ` { | } and
// non-ASCII.
void AppendUri(std::string_view text, std::string& out);
// Appends `text` with all but the unreserved characters (letters, digits, - . _ ~) percent-encoded.
void AppendPercentEncoded(std::string_view text, std::string& out);

// Whether `text` is an address that may stand in SMTP commands and headers as it is: ASCII, dot-atom local part within
// 64 octets, a domain name, 254 octets in all (RFC 5321 section 4.5.3.1). Internationalised local parts pass when
// `utf8_allowed`.
bool IsPlainAddress(std::string_view text, bool utf8_allowed);

}  // namespace message
