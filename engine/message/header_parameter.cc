#include "engine/message/header_parameter.h"

#include <algorithm>

#include "engine/message/header_encoding.h"

namespace message {
namespace {

constexpr std::size_t kLine = 78;
constexpr std::string_view kCharset = "utf-8''";

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

// As much of `encoded` as fits into `room` without cutting a %XX.
std::size_t Fitting(std::string_view encoded, std::size_t room) {
  std::size_t take = std::min(encoded.size(), room);
  for (std::size_t back = 1; back <= 2 && back <= take && take < encoded.size(); ++back) {
    if (encoded[take - back] == '%') return take - back;
  }
  return take;
}

}  // namespace

void AppendParameter(std::string_view name, std::string_view value, std::size_t column, std::string& out) {
  std::string clean;
  AppendCleanText(value, clean);
  std::string plain;
  if (IsAscii(clean)) plain.append(name).append("=").append(Quoted(clean));
  std::string encoded;
  AppendPercentEncoded(clean, encoded);
  if (plain.empty() || plain.size() + 2 > kLine) plain.assign(name).append("*=").append(kCharset).append(encoded);
  if (column + 2 + plain.size() <= kLine) {
    out.append("; ").append(plain);
    return;
  }
  if (plain.size() + 2 <= kLine) {  // With the space before it and, perhaps, a ";" behind it.
    out.append(";\r\n ").append(plain);
    return;
  }
  std::string_view rest = encoded;
  for (std::size_t section = 0; !rest.empty(); ++section) {
    std::string start = " " + std::string(name) + "*" + std::to_string(section) + "*=";
    if (section == 0) start.append(kCharset);
    const std::size_t take = Fitting(rest, kLine - 1 - start.size());
    out.append(";\r\n").append(start).append(rest.substr(0, take));
    rest.remove_prefix(take);
  }
}

}  // namespace message
