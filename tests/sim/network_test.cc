// The simulated network keeps the contract of io::Io, whole and in fragments.
#include "tests/sim/network.h"

#include <memory>

#include "tests/unit/io/io_contract.h"

namespace sim {
namespace {

class SimWorld final : public io::IoWorld {
 public:
  SimWorld(std::uint64_t seed, const Network::Options& options)
      : world_(seed), network_(world_, options), io_(std::make_unique<SimIo>(network_)) {
    network_.SetBindable(ForeignAddress(), false);
  }
  io::Io& io() override { return *io_; }
  void Turn() override {
    for (int events = 0; events < 20 && world_.Step(); ++events) {
    }
  }
  io::Endpoint ListenAddress() override { return {base::IpAddress::V4(0x7F000001), 0}; }
  base::IpAddress SecondLocalAddress() override { return base::IpAddress::V4(0x7F000202); }
  base::IpAddress ForeignAddress() override { return base::IpAddress::V4(0xC0000207); }

 private:
  World world_;
  Network network_;
  std::unique_ptr<SimIo> io_;
};

io::IoWorldMaker Maker(const char* name, const Network::Options& options) {
  return {name, [options] { return std::make_unique<SimWorld>(7, options); }};
}

}  // namespace
}  // namespace sim

namespace io {

INSTANTIATE_TEST_SUITE_P(Simulated, IoContract,
                         testing::Values(sim::Maker("whole", {}),
                                         sim::Maker("fragments", {.send_chunk_max = 30'011, .fragment_max = 4'099})),
                         NameOfWorld);

}  // namespace io
