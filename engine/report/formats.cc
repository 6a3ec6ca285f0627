#include "engine/report/formats.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "nlohmann/json.hpp"

namespace report {
namespace {

using Json = nlohmann::ordered_json;

// As JSON has it, texts without their quotes; null: "".
std::string Plain(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// What a receiver said must not be a formula to a spreadsheet.
std::string Quoted(std::string_view text) {
  const bool is_formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  const std::string value = (is_formula ? "'" : "") + std::string(text);
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) return value;
  std::string out = "\"";
  for (const char c : value) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string Escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

// The report's lists, and what names their entries.
struct List {
  const char* key;
  const char* section;
  const char* name;
};
constexpr List kLists[] = {{"providers", "provider", "provider"},
                           {"sources", "source", "source"},
                           {"sites", "site", "site"},
                           {"bounces", "bounce", "class"},
                           {"responses", "response", "template"}};
constexpr const char* kFacts[] = {"name",      "state", "started_at",     "finished_at",
                                  "elapsed_s", "bytes", "messages_per_s", "peak_messages_per_s"};

void PutLine(std::string_view section, std::string_view name, std::string_view measure, const Json& value,
             std::string& out) {
  absl::StrAppend(&out, base::AbslView(section), ",", Quoted(name), ",", base::AbslView(measure), ",",
                  Quoted(Plain(value)), "\r\n");
}

void PutTable(const std::string& title, const Json& rows, std::string& out) {
  if (rows.empty()) return;
  absl::StrAppend(&out, "<h2>", Escaped(title), "</h2>\n<table>\n<tr>");
  for (const auto& [column, value] : rows.front().items()) absl::StrAppend(&out, "<th>", Escaped(column), "</th>");
  out += "</tr>\n";
  for (const Json& row : rows) {
    out += "<tr>";
    for (const auto& [column, value] : row.items()) {
      absl::StrAppend(&out, value.is_number() ? "<td class=\"n\">" : "<td>", Escaped(Plain(value)), "</td>");
    }
    out += "</tr>\n";
  }
  out += "</table>\n";
}

}  // namespace

std::string ReportCsv(std::string_view json) {
  const Json report = Json::parse(json);
  std::string out = "section,name,measure,value\r\n";
  const std::string campaign = Plain(report["campaign"]);
  for (const char* const fact : kFacts) {
    if (report.contains(fact)) PutLine("campaign", campaign, fact, report[fact], out);
  }
  for (const char* const section : {"totals", "pending", "attempts"}) {
    for (const auto& [measure, value] : report[section].items()) PutLine(section, "", measure, value, out);
  }
  for (const List& list : kLists) {
    for (const Json& entry : report[list.key]) {
      for (const auto& [measure, value] : entry.items()) {
        if (measure != list.name) PutLine(list.section, Plain(entry[list.name]), measure, value, out);
      }
    }
  }
  return out;
}

std::string ReportHtml(std::string_view json) {
  const Json report = Json::parse(json);
  const std::string title = report.contains("name") ? Plain(report["name"]) : Plain(report["campaign"]);
  std::string out = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", Escaped(title),
      "</title>\n<style>\nbody{font-family:sans-serif;margin:2em}\ntable{border-collapse:collapse}\n"
      "th,td{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}\n.n{text-align:right}\n"
      "</style>\n</head>\n<body>\n<h1>",
      Escaped(title), "</h1>\n<p>", Escaped(Plain(report["campaign"])), ": ", Escaped(Plain(report["state"])),
      "</p>\n");
  Json facts = Json::object();
  for (const char* const fact : kFacts) {
    if (report.contains(fact) && std::string_view(fact) != "name") facts[fact] = report[fact];
  }
  PutTable("Campaign", Json::array({facts}), out);
  PutTable("Recipients", Json::array({report["totals"]}), out);
  PutTable("Pending", Json::array({report["pending"]}), out);
  PutTable("Paused", report["paused"], out);
  PutTable("Suspended", report["suspended"], out);
  PutTable("Providers", report["providers"], out);
  PutTable("Sources", report["sources"], out);
  PutTable("Sites", report["sites"], out);
  PutTable("Bounces", report["bounces"], out);
  PutTable("Replies", report["responses"], out);
  return out + "</body>\n</html>\n";
}

}  // namespace report
