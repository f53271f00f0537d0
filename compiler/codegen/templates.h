// The device templates, embedded in the library at build time and overridable by a folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::codegen {

// Include name -> text, of every file under templates/bsgen ("bsgen/kernels/dds.cuh").
const std::map<std::string, std::string>& embedded_templates();

// Those of them that `roots` include, directly or not: what one kernel is compiled from. template_dir, if not empty, is read in
// place of the embedded ones (the file of "bsgen/tile/store.cuh" is template_dir/bsgen/tile/store.cuh).
Expected<std::map<std::string, std::string>> template_headers(const std::vector<std::string>& roots, const std::string& template_dir);

}  // namespace bsgen::codegen
