#include "tests/sim/seams.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/base/stable_hash.h"

namespace sim {

SimSigner::~SimSigner() {
  alive_.reset();
  while (!waiting_.empty()) waiting_.PopFront();
}

std::string SimSigner::SignatureOf(std::uint32_t key, const dkim::Digest& digest) {
  const std::string_view bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  return absl::StrFormat("%016x", base::StableHash(bytes, key + 1));
}

void SimSigner::Sign(dkim::SignRequest& request) {
  const std::uint64_t number = ++last_number_;
  waiting_.PushBack(request);
  by_number_.emplace(number, &request);
  const bool fails = world_.prng().Chance(fail_share_);
  world_.After(world_.Between(base::Duration::Microseconds(100), longest_),
               [this, number, fails, alive = std::weak_ptr<bool>(alive_)] {
                 if (alive.expired()) return;
                 const auto found = by_number_.find(number);
                 if (found == by_number_.end()) return;  // Cancelled.
                 dkim::SignRequest& due = *found->second;
                 by_number_.erase(found);
                 waiting_.Remove(due);
                 due.signature = SignatureOf(due.key, due.digest);
                 due.OnSigned(fails ? absl::InternalError("the key cannot sign") : absl::OkStatus());
                 after_();
               });
}

void SimSigner::Cancel(dkim::SignRequest& request) {
  if (!request.queue_hook.IsLinked()) return;
  waiting_.Remove(request);
  std::erase_if(by_number_, [&request](const auto& entry) { return entry.second == &request; });
}

absl::Status SimChannel::Greet(std::string_view line, Output& to_peer) {
  const bool fits = side_ == Side::kServer ? line == "HELLO " + name_ : line == "HELLO";
  if (!fits) return Fail("not the greeting of this channel");
  if (side_ == Side::kServer) to_peer.Write("HELLO\n");
  state_ = State::kOpen;
  return absl::OkStatus();
}

absl::Status SimChannel::Receive(std::string_view from_peer, std::string& plain, Output& to_peer) {
  if (state_ == State::kFailed || state_ == State::kClosed) return absl::FailedPreconditionError("the channel is over");
  buffer_.append(from_peer);
  while (!buffer_.empty()) {
    if (state_ == State::kHandshaking) {
      const std::size_t end = buffer_.find('\n');
      if (end == std::string::npos) return buffer_.size() > 300 ? Fail("no greeting") : absl::OkStatus();
      if (absl::Status status = Greet(std::string_view(buffer_).substr(0, end), to_peer); !status.ok()) return status;
      buffer_.erase(0, end + 1);
      continue;
    }
    if (buffer_.starts_with("BYE\n")) {
      state_ = State::kClosed;
      return absl::OkStatus();
    }
    const std::size_t colon = buffer_.find(':');
    if (colon == std::string::npos) {
      const bool maybe = std::string_view("BYE\n").starts_with(buffer_) ||
                         buffer_.find_first_not_of("0123456789abcdef") == std::string::npos;
      return maybe && buffer_.size() <= 8 ? absl::OkStatus() : Fail("no frame");
    }
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(buffer_.data(), buffer_.data() + colon, size, 16);
    if (error != std::errc{} || stop != buffer_.data() + colon || colon == 0 || colon > 8) return Fail("no frame");
    if (buffer_.size() - colon - 1 < size) return absl::OkStatus();
    plain.append(buffer_, colon + 1, size);
    buffer_.erase(0, colon + 1 + size);
  }
  return absl::OkStatus();
}

absl::Status SimChannel::Send(absl::Span<const std::string_view> pieces, Output& to_peer) {
  CHECK(state_ == State::kOpen);
  std::string plain;
  for (const std::string_view piece : pieces) plain += piece;
  for (std::string_view rest = plain; !rest.empty();) {
    const std::string_view frame = rest.substr(0, 16384);
    to_peer.Write(absl::StrFormat("%x:", frame.size()));
    to_peer.Write(frame);
    rest.remove_prefix(frame.size());
  }
  return absl::OkStatus();
}

}  // namespace sim
