#include "engine/smtp/scram.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/smtp/base64.h"

namespace smtp {
namespace {

// RFC 5802 section 5.1: what would end a name is written as a number.
std::string EscapeName(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (c == ',') {
      escaped += "=2C";
    } else if (c == '=') {
      escaped += "=3D";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// Takes "name=value" and the comma behind it off the front. Nullopt: something else is there.
std::optional<std::string_view> TakeAttribute(std::string_view& rest, char name) {
  if (rest.size() < 2 || rest[0] != name || rest[1] != '=') return std::nullopt;
  const std::string_view value = rest.substr(2, rest.find(',') - 2);
  rest.remove_prefix(std::min(value.size() + 3, rest.size()));
  return value;
}

bool IsPrintable(std::string_view nonce) {
  return std::all_of(nonce.begin(), nonce.end(), [](char c) { return c >= '!' && c <= '~' && c != ','; });
}

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("SCRAM: ", base::AbslView(what)));
}

}  // namespace

Scram::Scram(std::string_view username, std::string password, std::string nonce, ScramKeyCache& keys)
    : password_(std::move(password)),
      nonce_(std::move(nonce)),
      first_bare_(absl::StrCat("n=", EscapeName(username), ",r=", nonce_)),
      keys_(keys) {}

absl::StatusOr<std::string> Scram::Respond(std::string_view challenge) {
  switch (step_) {
    case Step::kFirst:
      step_ = Step::kServerFirst;
      if (challenge.empty()) return *Initial();  // It asks for what did not go with the command.
      return Respond(challenge);
    case Step::kServerFirst:
      step_ = Step::kServerFinal;
      return Prove(challenge);
    case Step::kServerFinal: {
      if (absl::Status status = Verify(challenge); !status.ok()) return status;
      step_ = Step::kVerified;
      return "";
    }
    case Step::kVerified:
      break;
  }
  return Wrong("the server asks for more after its last message");
}

// From the server's first message ("r=NONCE,s=SALT,i=COUNT", extensions may follow) to the proof.
absl::StatusOr<std::string> Scram::Prove(std::string_view server_first) {
  std::string_view rest = server_first;
  if (TakeAttribute(rest, 'm').has_value()) return Wrong("the server wants an extension that is not known here");
  const auto nonce = TakeAttribute(rest, 'r');
  const auto salt_text = TakeAttribute(rest, 's');
  const auto count_text = TakeAttribute(rest, 'i');
  if (!nonce.has_value() || !salt_text.has_value() || !count_text.has_value())
    return Wrong("the server's first message is malformed");
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size() || !IsPrintable(*nonce))
    return Wrong("the server's nonce does not continue ours");
  const std::optional<std::string> salt = FromBase64(*salt_text);
  const auto iterations = base::ParseInteger<std::uint64_t>(*count_text);
  if (!salt.has_value() || salt->empty() || !iterations.has_value() || count_text->starts_with('0'))
    return Wrong("the server's first message is malformed");
  if (*iterations < kIterationsMin || *iterations > kIterationsMax) {
    return Wrong(absl::StrCat("the server asks for ", *iterations, " iterations; from ", kIterationsMin, " to ",
                              kIterationsMax, " are accepted"));
  }
  const ScramKeys& keys = keys_.Derive(password_, *salt, static_cast<std::uint32_t>(*iterations));
  const std::string final_bare = absl::StrCat("c=", ToBase64("n,,"), ",r=", base::AbslView(*nonce));
  const std::string auth_message = absl::StrCat(first_bare_, ",", base::AbslView(server_first), ",", final_bare);
  server_signature_ = HmacSha256(keys.server_key, auth_message);
  std::string proof = HmacSha256(Sha256(keys.client_key), auth_message);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ keys.client_key[i]);
  return absl::StrCat(final_bare, ",p=", ToBase64(proof));
}

absl::Status Scram::Verify(std::string_view server_final) const {
  std::string_view rest = server_final;
  if (const auto error = TakeAttribute(rest, 'e'))
    return Wrong(absl::StrCat("the server says \"", absl::CHexEscape(base::AbslView(error->substr(0, 100))), "\""));
  const auto text = TakeAttribute(rest, 'v');
  const std::optional<std::string> signature = text.has_value() ? FromBase64(*text) : std::nullopt;
  if (!signature.has_value()) return Wrong("the server's last message is malformed");
  if (!AreEqualSecrets(*signature, server_signature_))
    return Wrong("the server does not know the password: its signature is wrong");
  return absl::OkStatus();
}

absl::Status Scram::OnAccepted() const {
  if (step_ == Step::kVerified) return absl::OkStatus();
  return Wrong("the server accepted without showing that it knows the password");
}

}  // namespace smtp
