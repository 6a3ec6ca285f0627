// A client's channel and a server, with the bytes between them carried by hand.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/tls/memory_server.h"
#include "tls/context.h"

namespace tls::testing {

inline constexpr Policy kTrusting{Policy::Use::kWhereOffered, Policy::Verification::kNone};
inline constexpr Policy kVerifying{Policy::Use::kAlways, Policy::Verification::kNameAndChain};

class Connection {
 public:
  Connection(Context& context, ServerSettings& settings, Policy policy = kVerifying,
             std::string_view host_name = kHostName, std::string_view address = "192.0.2.1",
             absl::Span<const TlsaRecord> tlsa = {}, std::string_view domain = {}, Profile profile = Profile::kUsual)
      : channel(context.MakeClient({.host_name = host_name,
                                    .address = *base::IpAddress::Parse(address),
                                    .policy = policy,
                                    .tlsa = tlsa,
                                    .domain = domain,
                                    .profile = profile})),
        server(settings) {
    channel->Start(to_server);
  }

  // Carries bytes, in pieces of at most `piece`, until nobody has anything to say.
  absl::Status Carry(std::size_t piece = SIZE_MAX) {
    std::string to_client;
    while (true) {
      const std::string flight = to_server.Take();
      for (std::size_t at = 0; at < flight.size(); at += piece)
        to_client += server.Receive(std::string_view(flight).substr(at, std::min(piece, flight.size() - at)));
      if (to_client.empty()) return absl::OkStatus();
      if (absl::Status status = Feed(std::exchange(to_client, {}), piece); !status.ok()) return status;
    }
  }
  absl::Status Feed(std::string_view bytes, std::size_t piece = SIZE_MAX) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const absl::Status status =
          channel->Receive(bytes.substr(at, std::min(piece, bytes.size() - at)), plain, to_server);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  absl::Status Send(std::vector<std::string_view> pieces) { return channel->Send(pieces, to_server); }

  std::unique_ptr<Channel> channel;
  MemoryServer server;
  Collected to_server;
  std::string plain;  // What the client has received.
};

}  // namespace tls::testing
