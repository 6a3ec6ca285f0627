// The subscriber files of listmonk: columns email, name, attributes, with a JSON object in the third.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/campaign/row_reader.h"

namespace campaign {

// Whether a CSV with these columns is one: exactly email, name and attributes, in any order.
bool IsListmonk(const std::vector<std::string>& columns);

// Its rows as JSON: the members of `attributes`, each as a field of its own, then email and name, and `attributes` as
// an object. A row whose third column is neither empty nor a JSON object is invalid.
std::unique_ptr<RowReader> MakeListmonkReader(std::unique_ptr<RowReader> csv);

}  // namespace campaign
