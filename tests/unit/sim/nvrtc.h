// NVRTC, loaded by name, for tests that compile CUDA here and now.
#pragma once

#include <dlfcn.h>
#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace bsgen::sim::test {

// A file of the folder of test kernels.
inline std::string read_kernel(const std::string& name) {
  std::ifstream file(std::string(BSGEN_SIM_KERNELS) + "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The few functions of NVRTC that these tests need.
class Nvrtc {
 public:
  Nvrtc() {
    for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"})
      if (library_ == nullptr) library_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  bool found() const { return library_ != nullptr; }
  std::string compile(const std::string& source, int arch) { return compile(source, fmt::format("compute_{}", arch)); }
  // Empty where it does not compile; `log` then says why.
  std::string compile(const std::string& source, const std::string& arch, std::string* log = nullptr, const std::vector<std::string>& more = {}) {
    using Program = void*;
    const auto create = function<int (*)(Program*, const char*, const char*, int, const char**, const char**)>("nvrtcCreateProgram");
    const auto build = function<int (*)(Program, int, const char**)>("nvrtcCompileProgram");
    const auto size_of = function<int (*)(Program, std::size_t*)>("nvrtcGetPTXSize");
    const auto get = function<int (*)(Program, char*)>("nvrtcGetPTX");
    const auto destroy = function<int (*)(Program*)>("nvrtcDestroyProgram");
    Program program = nullptr;
    create(&program, source.c_str(), "kernel.cu", 0, nullptr, nullptr);
    const std::string arch_option = "-arch=" + arch;
    std::vector<const char*> options = {arch_option.c_str(), "-fmad=false", "-lineinfo"};
    for (const std::string& option : more) options.push_back(option.c_str());
    std::string ptx;
    std::size_t size = 0;
    if (build(program, static_cast<int>(options.size()), options.data()) == 0 && size_of(program, &size) == 0) {
      ptx.resize(size);
      get(program, ptx.data());
    }
    if (log != nullptr) {
      const auto log_size = function<int (*)(Program, std::size_t*)>("nvrtcGetProgramLogSize");
      const auto get_log = function<int (*)(Program, char*)>("nvrtcGetProgramLog");
      if (log_size(program, &size) == 0) {
        log->resize(size);
        get_log(program, log->data());
      }
    }
    destroy(&program);
    return ptx;
  }

 private:
  template <class F>
  F function(const char* name) { return reinterpret_cast<F>(dlsym(library_, name)); }
  void* library_ = nullptr;
};

}  // namespace bsgen::sim::test
