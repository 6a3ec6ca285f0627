#include "engine/dkim/signature.h"

#include <openssl/evp.h>

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <iterator>

#include "absl/strings/escaping.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dkim {
namespace {

constexpr std::size_t kSignatureMax = 2048;  // Octets; keys above 4,096 bits are refused.
constexpr std::size_t kLineMax = 78;         // RFC 5322 section 2.1.1, without CRLF.

// A number in decimal digits.
class Digits {
 public:
  explicit Digits(std::int64_t number) : end_(std::to_chars(std::begin(text_), std::end(text_), number).ptr) {}
  std::string_view text() const { return {text_, static_cast<std::size_t>(end_ - text_)}; }

 private:
  char text_[20];
  const char* const end_;
};

// A header field that is folded where a line would become too long.
class FoldedField {
 public:
  FoldedField(std::string_view start, std::string& out) : out_(out), column_(start.size()) { out_.assign(start); }

  using Texts = std::initializer_list<std::string_view>;

  // `texts`, after a space or on a new line.
  void Word(Texts texts) {
    if (column_ + 1 + SizeOf(texts) > kLineMax) {
      Fold();
    } else {
      out_.push_back(' ');
      ++column_;
    }
    for (const std::string_view text : texts) Join(text);
  }
  // `texts`, directly or on a new line.
  void Part(Texts texts) {
    if (column_ + SizeOf(texts) > kLineMax) Fold();
    for (const std::string_view text : texts) Join(text);
  }
  void Fold() {
    out_.append("\r\n ");
    column_ = 1;
  }
  void Join(std::string_view text) {
    out_.append(text);
    column_ += text.size();
  }

 private:
  static std::size_t SizeOf(Texts texts) {
    std::size_t size = 0;
    for (const std::string_view text : texts) size += text.size();
    return size;
  }

  std::string& out_;
  std::size_t column_;
};

}  // namespace

void Composer::Take(absl::Span<const std::string_view> pieces, bool same_body) {
  CHECK(!pieces.empty());
  SplitFields(pieces[0], fields_);
  std::size_t header_size = 0;
  for (const Field& field : fields_) header_size += field.text.size();
  if (pieces[0].substr(header_size).starts_with("\r\n")) header_size += 2;
  body_.assign(pieces.begin(), pieces.end());
  body_[0].remove_prefix(header_size);
  same_body_ = same_body;
  choice_.Choose(fields_);
  for (std::optional<Digest>& hash : body_hashes_) hash.reset();
}

const Digest& Composer::BodyHashIn(Canonicalization mode) {
  const auto index = static_cast<std::size_t>(mode);
  std::optional<Digest>& hash = (same_body_ ? same_hashes_ : body_hashes_)[index];
  if (!hash.has_value()) hash = bodies_[index].Of(body_);
  return *hash;
}

Digest Composer::Compose(const SignatureSpec& spec, base::WallTime now, std::string& field) {
  const Digest& body_hash = BodyHashIn(spec.body);
  absl::Base64Escape({reinterpret_cast<const char*>(body_hash.data()), body_hash.size()}, &base64_);
  FoldedField out("DKIM-Signature: v=1;", field);
  out.Word({"a=", ToString(spec.algorithm), ";"});
  out.Word({"c=", ToString(spec.header), "/", ToString(spec.body), ";"});
  out.Word({"d=", spec.domain, ";"});
  out.Word({"s=", spec.selector, ";"});
  out.Word({"t=", Digits(now.seconds()).text(), ";"});
  if (spec.expire.has_value()) out.Word({"x=", Digits((now + *spec.expire).seconds()).text(), ";"});
  if (!spec.identity.empty()) out.Word({"i=", spec.identity, ";"});
  const absl::Span<const std::string_view> names = choice_.names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view end = i + 1 < names.size() ? ":" : ";";
    if (i == 0) {
      out.Word({"h=", names[i], end});
    } else {
      out.Part({names[i], end});
    }
  }
  out.Word({"bh=", base64_, ";"});
  out.Fold();
  out.Join("b=");
  scratch_.clear();
  for (const std::size_t number : choice_.numbers()) AppendCanonicalField(spec.header, fields_[number].text, scratch_);
  AppendCanonicalField(spec.header, field, scratch_);
  const std::string_view signed_bytes[] = {scratch_};
  return headers_[static_cast<std::size_t>(spec.header)].Of(signed_bytes);
}

void CompleteField(std::string_view signature, std::string& field) {
  CHECK(signature.size() <= kSignatureMax);
  unsigned char base64[kSignatureMax / 3 * 4 + 5];
  const int size = EVP_EncodeBlock(base64, reinterpret_cast<const unsigned char*>(signature.data()),
                                   static_cast<int>(signature.size()));
  const std::string_view text(reinterpret_cast<const char*>(base64), static_cast<std::size_t>(size));
  std::size_t column = 3;  // Behind " b=".
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, kLineMax - column);
    if (line.data() != text.data()) field.append("\r\n ");
    field.append(line);
    rest.remove_prefix(line.size());
    column = 1;
  }
  field.append("\r\n");
}

}  // namespace dkim
