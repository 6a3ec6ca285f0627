// The media types of common attachments, by the extension of the file's name.
#pragma once

#include <string_view>

namespace message {

// "application/octet-stream" where the extension is not known.
std::string_view ContentTypeOf(std::string_view file_name);

}  // namespace message
