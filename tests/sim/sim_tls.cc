#include "tests/sim/sim_tls.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace sim {
namespace {

constexpr std::size_t kLineMax = 300;
constexpr std::string_view kGoodbye = "BYE\n";

std::vector<std::string> WordsOf(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

bool SimFrames::TakeLine(std::string& line) {
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return false;
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return true;
}

SimFrames::Result SimFrames::TakeFrames(std::string& plain) {
  while (!buffer_.empty()) {
    if (buffer_.starts_with(kGoodbye)) return Result::kGoodbye;
    const std::size_t colon = buffer_.find(':');
    if (colon == std::string::npos) {
      const bool maybe =
          kGoodbye.starts_with(buffer_) || buffer_.find_first_not_of("0123456789abcdef") == std::string::npos;
      return maybe && buffer_.size() <= 8 ? Result::kGoOn : Result::kBroken;
    }
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(buffer_.data(), buffer_.data() + colon, size, 16);
    if (error != std::errc{} || stop != buffer_.data() + colon || colon > 8) return Result::kBroken;
    if (buffer_.size() - colon - 1 < size) return Result::kGoOn;
    plain.append(buffer_, colon + 1, size);
    buffer_.erase(0, colon + 1 + size);
  }
  return Result::kGoOn;
}

std::string SimFrames::Frame(std::string_view plain) {
  std::string framed;
  for (std::string_view rest = plain; !rest.empty();) {
    const std::string_view frame = rest.substr(0, 16384);
    absl::StrAppendFormat(&framed, "%x:%s", frame.size(), frame);
    rest.remove_prefix(frame.size());
  }
  return framed;
}

// ---- the client ----

class SimChannel final : public tls::Channel {
 public:
  SimChannel(SimChannelFactory& factory, const tls::ChannelFactory::Peer& peer)
      : factory_(factory),
        key_(std::string(peer.host_name), peer.policy),
        domain_(peer.domain),
        anchored_(tls::HasTrustAnchor(peer.tlsa)),
        compatible_(peer.profile == tls::Profile::kCompatible) {}

  void Start(Output& to_peer) override {
    const auto known = factory_.tickets_.find(key_);
    if (known != factory_.tickets_.end()) offered_ = known->second;
    const bool says_fallback = compatible_ && key_.second.verification == tls::Policy::Verification::kNameAndChain;
    to_peer.Write(absl::StrFormat("HELLO %s %s%s\n", key_.first, offered_.number.empty() ? "-" : offered_.number,
                                  says_fallback ? " fallback" : ""));
  }
  absl::Status Receive(std::string_view from_peer, std::string& plain, Output& to_peer) override;
  absl::Status Send(absl::Span<const std::string_view> pieces, Output& to_peer) override {
    CHECK(state_ == State::kOpen);
    std::string plain;
    for (const std::string_view piece : pieces) plain += piece;
    to_peer.Write(SimFrames::Frame(plain));
    return absl::OkStatus();
  }
  void Close(Output& to_peer) override {
    CHECK(state_ == State::kOpen);
    to_peer.Write(kGoodbye);
    state_ = State::kClosed;
  }
  State state() const override { return state_; }
  const tls::ChannelInfo& info() const override { return info_; }

 private:
  absl::Status Fail(std::string_view why) {
    state_ = State::kFailed;
    return absl::DataLossError(std::string(why));
  }
  absl::Status Greet(const std::string& line, Output& to_peer);

  SimChannelFactory& factory_;
  const std::pair<std::string, tls::Policy> key_;  // Host name and policy.
  const std::string domain_;
  const bool anchored_;  // By TLSA records: its name must be the host's or the domain's.
  const bool compatible_;
  SimTicket offered_;
  SimFrames frames_;
  State state_ = State::kHandshaking;
  tls::ChannelInfo info_;
};

absl::Status SimChannel::Greet(const std::string& line, Output& to_peer) {
  const std::vector<std::string> words = WordsOf(line);
  if (words.size() != 5 || words[0] != "HELLO") return Fail("the peer speaks no TLS");
  const bool resumed = words[3] == "resumed";
  if (resumed && offered_.number.empty()) return Fail("resumed what nobody offered");
  const bool good = resumed ? offered_.good : words[1] == key_.first && words[2] == "trusted";
  const bool verifies = key_.second.verification == tls::Policy::Verification::kNameAndChain;
  if (verifies && !good) {
    to_peer.Write(kGoodbye);
    info_.certificate = tls::Result::kCertificateNotTrusted;
    return Fail("the certificate does not hold");
  }
  if (anchored_ && words[1] != key_.first && words[1] != domain_) {
    info_.certificate = tls::Result::kCertificateHostMismatch;
    return Fail("the certificate is for another name");
  }
  factory_.tickets_[key_] = {words[4], good};
  info_ = {.protocol = "TLSv1.3",
           .cipher = SimChannelFactory::CipherOf(key_.second, good),
           .resumed = resumed,
           .compatible = compatible_,
           .only_domain = anchored_ && words[1] != key_.first,
           .verified = verifies};
  state_ = State::kOpen;
  return absl::OkStatus();
}

absl::Status SimChannel::Receive(std::string_view from_peer, std::string& plain, Output& to_peer) {
  if (state_ == State::kFailed || state_ == State::kClosed) return absl::FailedPreconditionError("the channel is over");
  frames_.Append(from_peer);
  if (state_ == State::kHandshaking) {
    std::string line;
    if (!frames_.TakeLine(line)) return frames_.size() > kLineMax ? Fail("no greeting") : absl::OkStatus();
    if (absl::Status status = Greet(line, to_peer); !status.ok()) return status;
  }
  switch (frames_.TakeFrames(plain)) {
    case SimFrames::Result::kGoOn:
      return absl::OkStatus();
    case SimFrames::Result::kGoodbye:
      state_ = State::kClosed;
      return absl::OkStatus();
    case SimFrames::Result::kBroken:
      return Fail("no frame");
  }
  return absl::OkStatus();
}

std::unique_ptr<tls::Channel> SimChannelFactory::MakeClient(const Peer& peer) {
  CHECK(peer.policy.use != tls::Policy::Use::kNever);
  return std::make_unique<SimChannel>(*this, peer);
}

std::string SimChannelFactory::CipherOf(const tls::Policy& policy, bool good) {
  return absl::StrFormat("SIM_%d_%d_%s", static_cast<int>(policy.use), static_cast<int>(policy.verification),
                         good ? "GOOD" : "BAD");
}

// ---- the server ----

class SimTlsSession final : public sandbox::TlsSession {
 public:
  enum class Fault : std::uint8_t { kNone, kRefused, kGarbled, kSilent, kCut, kUntrusted, kWrongName };

  SimTlsSession(SimTlsServer& server, const sandbox::TlsProfile& profile, Fault fault)
      : server_(server), profile_(profile), fault_(fault) {}

  void Receive(std::string_view from_client, std::string& plain, std::string& to_client) override {
    if (state_ == State::kClosed || is_silent_) return;
    frames_.Append(from_client);
    if (state_ == State::kHandshaking) {
      std::string line;
      if (!frames_.TakeLine(line)) {
        if (frames_.size() > kLineMax) state_ = State::kClosed;
        return;
      }
      Greet(WordsOf(line), to_client);
    }
    if (state_ == State::kOpen && frames_.TakeFrames(plain) != SimFrames::Result::kGoOn) state_ = State::kClosed;
  }
  // Each line is a frame of its own: when a connection breaks, the replies before the last one can be read.
  void Send(std::string_view plain, std::string& to_client) override {
    while (!plain.empty()) {
      const std::size_t size = std::min(plain.find('\n'), plain.size() - 1) + 1;
      to_client += SimFrames::Frame(plain.substr(0, size));
      plain.remove_prefix(size);
    }
  }
  void Close(std::string& to_client) override {
    to_client += kGoodbye;
    state_ = State::kClosed;
  }
  State state() const override { return state_; }
  sandbox::TlsInfo info() const override { return {"TLSv1.3", resumed_}; }

 private:
  void Greet(const std::vector<std::string>& words, std::string& to_client) {
    state_ = State::kClosed;  // Unless all goes well.
    if (words.size() < 3 || words[0] != "HELLO") return;
    const bool trusted = fault_ != Fault::kUntrusted && profile_.certificate != sandbox::CertificateKind::kSelfSigned &&
                         profile_.certificate != sandbox::CertificateKind::kExpired;
    const bool named = fault_ != Fault::kWrongName && profile_.certificate != sandbox::CertificateKind::kWrongName;
    switch (fault_) {
      case Fault::kRefused:
        to_client += "NO\n";
        return;
      case Fault::kGarbled:
        to_client += "250 2.0.0 What handshake?\r\n";
        return;
      case Fault::kCut:
        to_client += "HELLO mx";
        return;
      case Fault::kSilent:
        state_ = State::kHandshaking;
        is_silent_ = true;
        return;
      case Fault::kNone:
        resumed_ = server_.tickets_.count(words[2]) > 0 && server_.world_.prng().Chance(0.7);
        break;
      case Fault::kUntrusted:
      case Fault::kWrongName:
        break;
    }
    const std::string ticket = absl::StrFormat("t%d", server_.tickets_.size() + 1);
    server_.tickets_.insert(ticket);
    absl::StrAppendFormat(&to_client, "HELLO %s %s %s %s\n", named ? words[1] : "other.example",
                          trusted ? "trusted" : "untrusted", resumed_ ? "resumed" : "new", ticket);
    state_ = State::kOpen;
  }

  SimTlsServer& server_;
  const sandbox::TlsProfile& profile_;
  const Fault fault_;
  SimFrames frames_;
  State state_ = State::kHandshaking;
  bool resumed_ = false, is_silent_ = false;
};

std::unique_ptr<sandbox::TlsSession> SimTlsServer::Accept(const sandbox::TlsProfile& profile) {
  using Fault = SimTlsSession::Fault;
  constexpr std::array kFaults = {Fault::kRefused, Fault::kGarbled,   Fault::kSilent,
                                  Fault::kCut,     Fault::kUntrusted, Fault::kWrongName};
  const Fault fault = world_.prng().Chance(fault_share_) ? kFaults[world_.prng().Below(kFaults.size())] : Fault::kNone;
  return std::make_unique<SimTlsSession>(*this, profile, fault);
}

}  // namespace sim
