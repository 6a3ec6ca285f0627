// Sources over bytes in memory, and compressed bytes to read back.
#pragma once

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/campaign/byte_source.h"
#include "gtest/gtest.h"

namespace campaign::testing {

// Gives at most `step` bytes for each Read.
class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes, std::size_t step = SIZE_MAX) : bytes_(std::move(bytes)), step_(step) {}
  absl::StatusOr<std::size_t> Read(char* out, std::size_t size) override {
    const std::size_t n = std::min({size, step_, bytes_.size() - at_});
    std::memcpy(out, bytes_.data() + at_, n);
    at_ += n;
    return n;
  }
  std::uint64_t consumed() const override { return at_; }

 private:
  const std::string bytes_;
  const std::size_t step_;
  std::size_t at_ = 0;
};

inline std::string Gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// One frame; `with_checksum`: as the command `zstd` writes it, else as most libraries do.
inline std::string Zstd(std::string_view text, bool with_checksum = false) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, with_checksum ? 1 : 0);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size());
  EXPECT_FALSE(ZSTD_isError(size));
  out.resize(size);
  ZSTD_freeCCtx(context);
  return out;
}

// All that a source has, read in pieces; its error.
inline absl::StatusOr<std::string> ReadAll(ByteSource& source, std::size_t piece = 1u << 16) {
  std::string all, buffer(piece, '\0');
  while (true) {
    absl::StatusOr<std::size_t> got = source.Read(buffer.data(), buffer.size());
    if (!got.ok()) return got.status();
    if (*got == 0) return all;
    all.append(buffer, 0, *got);
  }
}

}  // namespace campaign::testing
