// The kernels that a PTX text declares.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::nvrtc {

std::vector<std::string> ptx_entries(std::string_view ptx);  // names after ".entry", in order
Status check_entry(std::string_view ptx,
                   std::string_view entry);  // the message lists the entries that there are

}  // namespace bsgen::nvrtc
