// Module: tls
// Sources: tests/unit/tls/memory_server.cc
// A server whose bytes are changed, cut and torn on the way, or garbage: whatever the client makes of it, nothing but
// what the server said comes out of an open channel.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "tests/unit/tls/memory_server.h"
#include "tls/context.h"

namespace {

constexpr std::string_view kReply = "250 ok\r\n";

// Each step of the fuzzer's is two bytes: how far to go, and what to change there; 0: a torn piece.
class Distorted {
 public:
  Distorted(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool changed() const { return changed_; }

  // Hands `bytes` on to the channel. False: it has failed.
  bool Carry(std::string bytes, tls::Channel& channel, std::string& plain, tls::testing::Collected& to_server) {
    for (std::size_t at = 0; at < bytes.size();) {
      std::size_t end = bytes.size();
      if (size_ >= 2) {
        end = std::min<std::size_t>(bytes.size(), at + 1 + data_[0]);
        bytes[end - 1] = static_cast<char>(bytes[end - 1] ^ data_[1]);
        changed_ = changed_ || data_[1] != 0;
        data_ += 2;
        size_ -= 2;
      }
      if (!channel.Receive(std::string_view(bytes).substr(at, end - at), plain, to_server).ok()) return false;
      at = end;
    }
    return true;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  bool changed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static tls::testing::ServerSettings modern({}), old({.tls13 = false});
  static tls::Context context({.authorities = tls::testing::ServerSettings::Authority()});
  if (size < 2) return 0;
  tls::testing::MemoryServer server((data[0] & 1) == 0 ? modern : old);
  const tls::Policy policy{tls::Policy::Use::kAlways, (data[0] & 2) == 0 ? tls::Policy::Verification::kNone
                                                                         : tls::Policy::Verification::kNameAndChain};
  const auto channel = context.MakeClient(
      {.host_name = tls::testing::kHostName, .address = base::IpAddress::V4(0xC0000201), .policy = policy});
  tls::testing::Collected to_server;
  std::string plain;
  channel->Start(to_server);
  if ((data[0] & 4) != 0) {
    const std::string garbage(reinterpret_cast<const char*>(data + 1), size - 1);
    static_cast<void>(channel->Receive(garbage, plain, to_server));
    CHECK(channel->state() != tls::Channel::State::kOpen && plain.empty());
    return 0;
  }
  Distorted wire(data + 1, size - 1);
  bool works = true, said = false;
  while (works && !to_server.bytes.empty()) {
    std::string flight = server.Receive(to_server.Take());
    if (server.IsOpen() && server.error.empty() && !said) {
      said = true;
      flight += server.Send(kReply);
    }
    works = wire.Carry(std::move(flight), *channel, plain, to_server);
  }
  CHECK(kReply.substr(0, plain.size()) == plain);
  if (!wire.changed()) CHECK(works && plain == kReply);
  if (channel->state() == tls::Channel::State::kOpen && works) {
    const std::string_view quit = "QUIT\r\n";
    CHECK(channel->Send({&quit, 1}, to_server).ok());
  }
  return 0;
}
