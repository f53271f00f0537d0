#include "runtime/bundle/bundle.h"

#include <vector>

#include "runtime/bindings/c/handles.h"

struct bsgen_bundle {
  std::shared_ptr<const bsgen::runtime::Bundle> value;
  std::string digest;
  std::vector<std::string> requests;
};

using namespace bsgen;
using namespace bsgen::c;

extern "C" {

bsgen_status bsgen_bundle_open(const char* path, bsgen_bundle** bundle) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(path, "bsgen_bundle_open", "path"));
    BSGEN_TRY(require(bundle, "bsgen_bundle_open", "bundle"));
    BSGEN_ASSIGN(auto opened, runtime::Bundle::open(path));
    std::vector<std::string> requests;
    for (std::size_t i = 0; i < opened->size(); ++i) requests.emplace_back(opened->line(i));
    std::string digest = opened->digest();
    *bundle = new bsgen_bundle{std::move(opened), std::move(digest), std::move(requests)};
    return {};
  });
}

std::size_t bsgen_bundle_size(const bsgen_bundle* bundle) { return bundle ? bundle->requests.size() : 0; }

const char* bsgen_bundle_digest(const bsgen_bundle* bundle) { return bundle ? bundle->digest.c_str() : ""; }

const char* bsgen_bundle_request(const bsgen_bundle* bundle, std::size_t index) {
  return index < bsgen_bundle_size(bundle) ? bundle->requests[index].c_str() : nullptr;
}

bsgen_status bsgen_bundle_verify(const bsgen_bundle* bundle) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(bundle, "bsgen_bundle_verify", "bundle"));
    for (std::size_t i = 0; i < bundle->requests.size(); ++i) BSGEN_TRY(bundle->value->load(i));
    return {};
  });
}

void bsgen_bundle_release(bsgen_bundle* bundle) { delete bundle; }

}  // extern "C"
