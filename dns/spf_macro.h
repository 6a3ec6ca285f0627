// The macro language of SPF (RFC 7208 section 7): "%{ir}.%{v}._spf.%{d2}". Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace dns {

// A macro-string: visible ASCII, in which "%" only begins a macro of the letters s, l, o, d, i, p, h and v, or "%%",
// "%_", "%-". The letters c, r and t are of explanations only, and no macro here.
bool IsSpfMacroString(std::string_view text);

// A domain-spec: a macro-string that ends with a macro, or with a dot and a top-level label (and a dot, perhaps).
bool IsSpfDomainSpec(std::string_view text);

// Replaces the macros of a macro-string. `value` gives what a letter (lower case) stands for; upper case letters are
// URL-escaped after that (section 7.3). Requires: IsSpfMacroString.
std::string ExpandSpfMacros(std::string_view text, absl::FunctionRef<std::string(char letter)> value);

// What a domain-spec becomes as a name to ask for: labels are taken away from the left until it has at most 253
// octets; without a final dot.
std::string ShortenToName(std::string expanded);

}  // namespace dns
