// Module: sandbox
// The oracle's verifier reads whole messages and key records of anybody: it never crashes, and believes nothing.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "tools/sandbox/dkim_record.h"
#include "tools/sandbox/message_check.h"
#include "tools/sandbox/message_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view record = bytes.substr(0, bytes.find('\0'));
  bytes.remove_prefix(std::min(bytes.size(), record.size() + 1));
  sandbox::MessageCheck check([record](std::string_view) { return std::optional<std::string>(record); });
  sandbox::Transaction transaction;
  transaction.sender = "bounce@example.com";
  const bool good = check.Accept(bytes, transaction, base::WallTime::FromSeconds(1'700'000'000));
  const sandbox::MessageCheck::Totals& totals = check.totals();
  if (good) CHECK(totals.valid > 0 && totals.invalid == 0 && totals.missing == 0 && totals.tokens_foreign == 0);
  const sandbox::ParsedMessage message = sandbox::ParseMessage(bytes);
  for (const auto form : {sandbox::Canonicalization::kSimple, sandbox::Canonicalization::kRelaxed}) {
    // Both forms are their own canonical form.
    const std::string body = sandbox::CanonicalBody(message.body, form);
    CHECK(sandbox::CanonicalBody(body, form) == body);
    CHECK(body.empty() || body.ends_with("\r\n"));
    for (const sandbox::HeaderField& field : message.fields) {
      const std::string header = sandbox::CanonicalHeader(field, form) + "\r\n";
      const sandbox::ParsedMessage again = sandbox::ParseMessage(header);
      CHECK(again.fields.size() == 1 && sandbox::CanonicalHeader(again.fields[0], form) + "\r\n" == header);
    }
  }
  CHECK(sandbox::DecodedText(message).size() <= bytes.size() + 2 * message.body.size() + 2);
  static_cast<void>(sandbox::DkimRecord(record));
  return 0;
}
