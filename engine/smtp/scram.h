// SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side, without channel binding: each shows that it knows the
// password, and neither says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/smtp/sasl.h"

namespace smtp {

class Scram final : public SaslExchange {
 public:
  // What a server may ask for. Fewer are refused as too weak (RFC 7677 section 4); more, because deriving the keys
  // holds up the thread: 100,000 take a fifth of a second.
  static constexpr std::uint32_t kIterationsMin = 4'096;
  static constexpr std::uint32_t kIterationsMax = 100'000;

  // User name and password as SASLprep leaves them. Requires: `keys` outlives this.
  Scram(std::string_view username, std::string password, std::string nonce, ScramKeyCache& keys);

  SaslMechanism mechanism() const override { return SaslMechanism::kScramSha256; }
  std::optional<std::string> Initial() const override { return "n,," + first_bare_; }
  absl::StatusOr<std::string> Respond(std::string_view challenge) override;
  absl::Status OnAccepted() const override;

 private:
  enum class Step : std::uint8_t { kFirst, kServerFirst, kServerFinal, kVerified };

  absl::StatusOr<std::string> Prove(std::string_view server_first);
  absl::Status Verify(std::string_view server_final) const;

  const std::string password_, nonce_, first_bare_;
  ScramKeyCache& keys_;
  Step step_ = Step::kFirst;      // What the next challenge is.
  std::string server_signature_;  // What the server has to say in the end.
};

}  // namespace smtp
