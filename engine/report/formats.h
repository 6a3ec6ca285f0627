// The report in forms for other programs and people than ToJson and ToText are for. Pure.
#pragma once

#include <string>
#include <string_view>

namespace report {

// `json`: what Summary::ToJson made.

// Lines "section,name,measure,value" (RFC 4180), with a header line: "provider,google,delivered,17".
std::string ReportCsv(std::string_view json);
// A page that needs nothing else: tables of totals, providers, sources, bounces and replies.
std::string ReportHtml(std::string_view json);

}  // namespace report
