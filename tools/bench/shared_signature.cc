#include "tools/bench/shared_signature.h"

#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/dkim/canonical.h"
#include "engine/dkim/header_fields.h"
#include "engine/dkim/signature.h"
#include "engine/message/renderer.h"
#include "engine/preparation.h"

namespace bench {
namespace {

// Any recipient's message: those parts that are signed are the same in all.
absl::StatusOr<std::string> AnyMessage(const campaign::Campaign& campaign, base::WallTime now) {
  const auto compiled = message::MessageTemplate::Compile(engine::SpecOf(campaign));
  if (!compiled.ok()) return compiled.status();
  message::Value row;
  row.kind = message::Value::Kind::kObject;
  message::RenderInput input;
  input.row = &row;
  input.row_number = 1;
  input.address = "user@d0.bench.example";
  input.token = "none";
  input.date = now;
  message::Rendered rendered;
  if (absl::Status status = (*compiled)->Render(input, rendered); !status.ok()) return status;
  return rendered.ToString();
}

std::string Base64(const dkim::Digest& digest) {
  return absl::Base64Escape(base::AbslView({reinterpret_cast<const char*>(digest.data()), digest.size()}));
}

}  // namespace

absl::StatusOr<std::string> SharedSignature(const campaign::Campaign& campaign, const std::string& domain,
                                            const std::string& selector, dkim::PrivateKey& key, base::WallTime now) {
  const absl::StatusOr<std::string> message = AnyMessage(campaign, now);
  if (!message.ok()) return message.status();
  const std::string_view text = *message;
  const std::size_t body = text.find("\r\n\r\n") + 4;
  dkim::Sha256 hash;
  dkim::BodyCanonicalizer canonicalizer(dkim::Canonicalization::kRelaxed);
  const auto add = [&hash](std::string_view bytes) { hash.Add(bytes); };
  canonicalizer.Add(text.substr(body), add);
  canonicalizer.Finish(add);
  std::string field =
      absl::StrCat("DKIM-Signature: v=1; a=", base::AbslView(dkim::ToString(key.algorithm())),
                   "; c=relaxed/relaxed;\r\n d=", domain, "; s=", selector, "; t=", now.seconds(),
                   ";\r\n h=From:Subject:MIME-Version:Content-Type;\r\n bh=", Base64(hash.Finish()), ";\r\n b=");
  std::vector<dkim::Field> fields;
  dkim::SplitFields(text.substr(0, body - 2), fields);
  std::string scratch;
  dkim::AppendFields(fields, {"From", "Subject", "MIME-Version", "Content-Type"}, dkim::Canonicalization::kRelaxed,
                     scratch);
  dkim::AppendCanonicalField(dkim::Canonicalization::kRelaxed, field, scratch);
  hash.Add(scratch);
  const absl::StatusOr<std::string> signature = key.Sign(hash.Finish());
  if (!signature.ok()) return signature.status();
  dkim::CompleteField(*signature, field);
  return field;
}

}  // namespace bench
