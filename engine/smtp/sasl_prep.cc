#include "engine/smtp/sasl_prep.h"

#include <idn-free.h>
#include <stringprep.h>

#include "absl/strings/str_cat.h"

namespace smtp {

absl::StatusOr<std::string> SaslPrep(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return absl::InvalidArgumentError("NUL is no part of a password");
  // A query string: what Unicode 3.2 had not assigned may pass (RFC 5802 section 5.1).
  char* prepared = nullptr;
  const int error =
      stringprep_profile(std::string(text).c_str(), &prepared, "SASLprep", static_cast<Stringprep_profile_flags>(0));
  if (error != STRINGPREP_OK) {
    return absl::InvalidArgumentError(absl::StrCat("user name or password cannot be prepared for SCRAM (RFC 4013): ",
                                                   stringprep_strerror(static_cast<Stringprep_rc>(error))));
  }
  std::string result(prepared);
  idn_free(prepared);
  if (result.empty()) return absl::InvalidArgumentError("user name or password is empty when prepared for SCRAM");
  return result;
}

}  // namespace smtp
