// Finds text that canonical forms leave as it stands, 16 octets at a time.
#pragma once

namespace dkim {

// A place from which on text up to `end` is still to be looked at, `from` or behind it: everything between is canonical
// as it stands, in the simple form or in both, and at the place is an octet that is neither white space nor of a line
// end. Requires: `from` is before `end`, and such a place.
const char* SkipPlainBlocks(const char* from, const char* end, bool relaxed);

}  // namespace dkim
