// One SPF record in place of several (RFC 7208 section 4.5: with more than one, receivers use none). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace dns {

// A record that passes whom any of `records` passes: their terms in order, each once, "redirect=" as an include, and at
// the end the mildest "all" that they have ("~all", where none has one). Nullopt: it cannot be told without knowing
// what was meant: a record is wrong, passes everybody, or has a term that refuses (what it refuses the others may
// pass).
std::optional<std::string> MergeSpf(const std::vector<std::string>& records);

}  // namespace dns
