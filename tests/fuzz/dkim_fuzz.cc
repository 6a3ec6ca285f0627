// Module: dkim
// Any bytes as a body, a header section, a key and its record: pieces give the canonical form that the plain procedure
// gives for the whole, and nothing falls over.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/dkim/key_record.h"
#include "engine/dkim/private_key.h"
#include "engine/dkim/signature.h"
#include "tests/unit/dkim/naive_verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t cut = data[0], split = data[1];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  for (const auto mode : {dkim::Canonicalization::kSimple, dkim::Canonicalization::kRelaxed}) {
    std::string canonical;
    dkim::BodyCanonicalizer canonicalizer(mode);
    const auto sink = [&canonical](std::string_view bytes) { canonical.append(bytes); };
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view piece = rest.substr(0, 1 + cut);
      canonicalizer.Add(piece, sink);
      rest.remove_prefix(piece.size());
    }
    canonicalizer.Finish(sink);
    CHECK(canonical == dkim::testing::NaiveBody(mode == dkim::Canonicalization::kRelaxed, text));
  }
  static const dkim::Crypto crypto;
  static dkim::Composer composer;
  const std::string_view pieces[] = {text.substr(0, split), text.substr(std::min(split, text.size()))};
  composer.Take(pieces);
  dkim::SignatureSpec spec;
  spec.domain = "example.com";
  spec.selector = "s1";
  std::string field;
  composer.Compose(spec, base::WallTime::FromSeconds(1), field);
  CHECK(field.ends_with("\r\n b="));
  static_cast<void>(dkim::PrivateKey::Parse(text, true, crypto));
  const dkim::PublishedKey key{"s1._domainkey.example.com", "example.com", "@a.example.com", "v=DKIM1; k=rsa; p=AAAA"};
  const dkim::KeyRecordCheck check = dkim::CheckKeyRecord(text, key);
  CHECK(!check.fault.empty() || text.find('p') != std::string_view::npos);
  return 0;
}
