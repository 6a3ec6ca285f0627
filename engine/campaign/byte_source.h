// Bytes of a recipients file: plain, gzip or zstd, from a path or standard input. Bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace campaign {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Reads up to `size` bytes; 0 at the end. Errors name what was read.
  virtual absl::StatusOr<std::size_t> Read(char* out, std::size_t size) = 0;
  // Bytes of the file that were read so far, before decompression.
  virtual std::uint64_t consumed() const = 0;
};

// "-" is standard input. Decompresses what begins as gzip or zstd does, whatever its name. Errors: NotFound,
// PermissionDenied, InvalidArgument (a pipe with a name, which somebody may never write to), Internal.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenSource(const std::string& path);
// A whole file as it is, whatever it begins with. Errors: NotFound; InvalidArgument, larger than `bytes_max`; others.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, std::size_t bytes_max);
// As OpenSource, over any source.
absl::StatusOr<std::unique_ptr<ByteSource>> Decompressed(std::unique_ptr<ByteSource> source, const std::string& name);
// The first byte that is no space, of a source that is then as it was; 0 at the end.
absl::StatusOr<char> PeekByte(std::unique_ptr<ByteSource>& source);
// The size of a file in bytes; 0: not known.
std::uint64_t FileSize(const std::string& path);

}  // namespace campaign
