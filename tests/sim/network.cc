#include "tests/sim/network.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace sim {

void Network::SetBindable(const base::IpAddress& address, bool bindable) {
  if (bindable) {
    unbindable_.erase(address);
  } else {
    unbindable_.insert(address);
  }
}

std::size_t Network::open_sides() const {
  return static_cast<std::size_t>(
      std::count_if(sides_.begin(), sides_.end(), [](const auto& entry) { return entry.second.handler != nullptr; }));
}

void Network::ShowEnd(Side& side) {
  if (!side.shown.has_value()) return;
  see_connection_(side.local.address, *std::exchange(side.shown, std::nullopt), /*begins=*/false);
}

void Network::Erase(StreamKey key) {
  if (Side* const side = Find(key)) ShowEnd(*side);
  sides_.erase(key);
}

Network::Side* Network::Find(StreamKey key) {
  const auto found = sides_.find(key);
  return found == sides_.end() ? nullptr : &found->second;
}

// ---- connecting ----

Network::StreamKey Network::Open(SimIo& io, io::StreamHandler& handler, const io::Io::ConnectOptions& options) {
  const StreamKey key = ++last_key_;
  Side& side = sides_[key];
  side.io = &io;
  side.handler = &handler;
  side.local = {options.source.value_or(base::IpAddress::V4(0x7F000001)), ++last_port_};
  if (options.source.has_value() && unbindable_.count(*options.source) > 0) {
    world_.After(base::Duration(), [this, key] { FailConnect(key, io::Stage::kBind, EADDRNOTAVAIL); });
    return key;
  }
  const io::Endpoint remote = options.remote;
  world_.After(Latency(), [this, key, remote] { Arrive(key, remote); });
  return key;
}

void Network::FailConnect(StreamKey key, io::Stage stage, int error) {
  Side* side = Find(key);
  if (side == nullptr) return;
  SimIo& io = *side->io;
  io::StreamHandler& handler = *side->handler;
  Erase(key);
  handler.OnClose({stage, error, 0});
  io.After();
}

void Network::Arrive(StreamKey client, const io::Endpoint& remote) {
  Side* side = Find(client);
  if (side == nullptr) return;
  const auto fate = fates_.find(remote.address);
  if (fate != fates_.end() && fate->second == Fate::kSilent) return;
  const auto listener = listeners_.find(remote);
  if (listener == listeners_.end() || (fate != fates_.end() && fate->second == Fate::kRefused)) {
    world_.After(Latency(), [this, client] { FailConnect(client, io::Stage::kConnect, ECONNREFUSED); });
    return;
  }
  const StreamKey server = ++last_key_;
  Side& accepted = sides_[server];
  side = Find(client);
  accepted.io = listener->second.io;
  accepted.local = remote;
  accepted.peer = client;
  accepted.connected = true;
  accepted.accepted = true;
  side->peer = server;
  const io::Endpoint peer = side->local;
  SimIo& io = *listener->second.io;
  io::StreamHandler* handler = listener->second.handler->OnAccept(static_cast<io::StreamId>(server), peer, remote);
  if (handler == nullptr) {
    Erase(server);
    world_.After(Latency(), [this, client] { FailConnect(client, io::Stage::kStream, ECONNRESET); });
    return;
  }
  Find(server)->handler = handler;
  if (see_connection_) {
    Find(client)->shown = remote.address;
    see_connection_(peer.address, remote.address, /*begins=*/true);
  }
  const base::Duration latency = Latency();
  Find(server)->wire_free = world_.now() + latency;  // Nothing of the server's arrives before its SYN.
  world_.After(latency, [this, client] {
    Side* opened = Find(client);
    if (opened == nullptr) return;
    opened->connected = true;
    SimIo& opener = *opened->io;
    opened->handler->OnConnect();
    opener.After();
  });
  io.After();
}

// ---- bytes ----

void Network::Send(StreamKey key, absl::Span<const std::string_view> pieces) {
  Side* side = Find(key);
  CHECK(side != nullptr && side->connected && !side->finishing);
  for (const std::string_view piece : pieces) side->unsent.append(piece);
  if (side->handing_over || side->held_back) return;
  side->handing_over = true;
  world_.After(world_.Between(base::Duration(), base::Duration::Microseconds(20)), [this, key] { HandOver(key); });
}

void Network::OnWire(Side& from, absl::AnyInvocable<void()> arrival) {
  from.wire_free = std::max(from.wire_free, world_.now() + Latency());
  world_.At(from.wire_free, std::move(arrival));
}

// The connection breaks. All but the last line under way still arrives: that a server accepts a message, and dies
// before any answer to the group that carried it has left, is the risk that the sender takes knowingly.
void Network::Reset(Side& side, StreamKey key) {
  const StreamKey peer = side.peer;
  if (const Side* const client = side.accepted ? Find(peer) : &side;
      see_break_ && client != nullptr && client->shown.has_value())
    see_break_(client->local.address, *client->shown);
  const std::size_t size = side.unsent.size();
  const std::size_t last = size < 2 ? std::string::npos : side.unsent.find_last_of('\n', size - 2);
  if (last != std::string::npos) {
    OnWire(side, [this, peer, data = side.unsent.substr(0, last + 1)]() mutable { Receive(peer, std::move(data)); });
    side.unsent.erase(0, last + 1);
  }
  OnWire(side, [this, peer] { End(peer, ECONNRESET); });
  End(key, ECONNRESET);
}

void Network::HandOver(StreamKey key) {
  Side* side = Find(key);
  if (side == nullptr) return;
  side->handing_over = false;
  if (const Side* other = Find(side->peer); other != nullptr && other->unread.size() >= kReceiveBuffer) {
    side->held_back = true;
    return;
  }
  const std::size_t size = std::min<std::size_t>(side->unsent.size(), 1 + world_.prng().Below(options_.send_chunk_max));
  const double share_of_segment = std::min(1.0, static_cast<double>(size) / 256);  // So that small chunks get through.
  if (options_.reset_share > 0 && world_.prng().Chance(options_.reset_share * share_of_segment)) {
    Reset(*side, key);
    return;
  }
  std::string bytes = side->unsent.substr(0, size);
  side->unsent.erase(0, size);
  if (tamper_ && side->accepted) tamper_(bytes);
  const StreamKey peer = side->peer;
  if (!bytes.empty())
    OnWire(*side, [this, peer, data = std::move(bytes)]() mutable { Receive(peer, std::move(data)); });
  if (!side->unsent.empty()) {
    side->handing_over = true;
    world_.After(world_.Between(base::Duration(), base::Duration::Microseconds(200)), [this, key] { HandOver(key); });
    return;
  }
  if (side->finishing) {
    OnWire(*side, [this, peer] { End(peer, 0); });
    Erase(key);
    return;
  }
  SimIo& io = *side->io;
  side->handler->OnSent();
  io.After();
}

void Network::Receive(StreamKey key, std::string bytes) {
  Side* side = Find(key);
  if (side == nullptr || side->handler == nullptr) return;
  if (side->paused || !side->unread.empty()) {  // What came before it goes first.
    side->unread += bytes;
    return;
  }
  SimIo& io = *side->io;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const std::size_t size = std::min<std::size_t>(rest.size(), 1 + world_.prng().Below(options_.fragment_max));
    side = Find(key);
    if (side == nullptr || side->handler == nullptr) break;
    if (side->paused) {
      side->unread += rest;
      break;
    }
    side->handler->OnReceive(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  io.After();
}

// The receiver reads again: first what has come meanwhile.
void Network::Resume(StreamKey key) {
  Side* side = Find(key);
  if (side == nullptr || side->paused) return;
  Receive(key, std::exchange(side->unread, {}));
  side = Find(key);
  if (side == nullptr) return;
  const StreamKey peer = side->peer;
  if (side->unread_end && !side->paused) {
    End(key, 0);
  } else if (Side* sender = Find(peer);
             sender != nullptr && side->unread.size() < kReceiveBuffer && std::exchange(sender->held_back, false)) {
    HandOver(peer);
  }
}

// ---- the end ----

void Network::End(StreamKey key, int error) {
  Side* side = Find(key);
  if (side == nullptr) return;
  if (side->handler == nullptr) {  // It was closed with a FIN under way already.
    Erase(key);
    return;
  }
  if (side->paused && error == 0) {
    side->unread_end = true;
    return;
  }
  SimIo& io = *side->io;
  io::StreamHandler& handler = *side->handler;
  const io::CloseReason reason{io::Stage::kStream, error, side->unsent.size()};
  const StreamKey peer = side->peer;
  // A socket that is closed with bytes unsent resets the other end, if that still lives.
  if (error == 0) OnWire(*side, [this, peer] { End(peer, 0); });
  Erase(key);
  handler.OnClose(reason);
  io.After();
}

void Network::Close(StreamKey key, io::CloseMode mode) {
  Side* side = Find(key);
  CHECK(side != nullptr);
  ShowEnd(*side);
  const StreamKey peer = side->peer;
  if (!side->connected || peer == 0) {  // A connection attempt is given up; the listener may have accepted it already.
    if (peer != 0) OnWire(*side, [this, peer] { End(peer, 0); });
    Erase(key);
    return;
  }
  switch (mode) {
    case io::CloseMode::kFlush:
      if (!side->unsent.empty()) {
        side->handler = nullptr;
        side->finishing = true;
        return;
      }
      [[fallthrough]];
    case io::CloseMode::kNow:
      OnWire(*side, [this, peer] { End(peer, 0); });
      break;
    case io::CloseMode::kReset:
      OnWire(*side, [this, peer] { End(peer, ECONNRESET); });
      break;
  }
  Erase(key);
}

void Network::Vanish(SimIo& io) {
  std::vector<StreamKey> gone;
  for (const auto& [key, side] : sides_) {
    if (side.io == &io) gone.push_back(key);
  }
  for (const StreamKey key : gone) {
    Side& side = sides_[key];
    const StreamKey peer = side.peer;
    if (peer != 0) OnWire(side, [this, peer] { End(peer, world_.prng().Chance(0.5) ? 0 : ECONNRESET); });
    Erase(key);
  }
  for (auto listener = listeners_.begin(); listener != listeners_.end();) {
    listener = listener->second.io == &io ? listeners_.erase(listener) : std::next(listener);
  }
}

// ---- SimIo ----

Network::Side& SimIo::Get(io::StreamId id) const {
  Network::Side* side = network_.Find(static_cast<std::uint64_t>(id));
  CHECK(side != nullptr && side->io == this && !side->finishing);
  return *side;
}

io::StreamId SimIo::Connect(const ConnectOptions& options, io::StreamHandler& handler) {
  return static_cast<io::StreamId>(network_.Open(*this, handler, options));
}

void SimIo::Send(io::StreamId id, absl::Span<const std::string_view> pieces) {
  Get(id);
  network_.Send(static_cast<std::uint64_t>(id), pieces);
}

std::uint64_t SimIo::Unsent(io::StreamId id) const { return Get(id).unsent.size(); }

void SimIo::PauseReceive(io::StreamId id, bool paused) {
  Network::Side& side = Get(id);
  side.paused = paused;
  if (paused) return;
  const auto key = static_cast<std::uint64_t>(id);
  network_.world_.After(base::Duration(), [this, key] { network_.Resume(key); });
}

void SimIo::Close(io::StreamId id, io::CloseMode mode) {
  Get(id);
  network_.Close(static_cast<std::uint64_t>(id), mode);
}

io::Endpoint SimIo::Local(io::StreamId id) const { return Get(id).local; }

absl::StatusOr<io::Io::Listening> SimIo::Listen(const io::Endpoint& local, io::AcceptHandler& handler) {
  io::Endpoint bound = local;
  if (bound.port == 0) bound.port = ++network_.last_port_;
  if (network_.listeners_.count(bound) > 0) return absl::AlreadyExistsError("address already in use");
  if (network_.unbindable_.count(bound.address) > 0) return absl::InvalidArgumentError("no address of this machine");
  const auto id = static_cast<io::ListenerId>(++network_.last_key_);
  network_.listeners_[bound] = {this, &handler, id};
  return Listening{id, bound};
}

void SimIo::CloseListener(io::ListenerId id) {
  for (auto& [endpoint, listener] : network_.listeners_) {
    if (listener.id != id) continue;
    network_.listeners_.erase(endpoint);
    return;
  }
}

}  // namespace sim
