#include "compiler/nvrtc/search.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>

namespace bsgen::nvrtc {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Sub-folders of `folder` whose names begin with `prefix`, highest name first, so that newer
// releases come first.
std::vector<std::string> children(const fs::path& folder, const std::string& prefix) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().starts_with(prefix)) found.push_back(it->path().string());
  std::sort(found.rbegin(), found.rend());
  return found;
}

// Where pip puts NVIDIA's wheels, without asking Python.
std::vector<std::string> site_packages() {
  std::vector<std::string> prefixes;
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const std::string value = variable(name); !value.empty()) prefixes.push_back(value);
  if (const std::string home = variable("HOME"); !home.empty())
    prefixes.push_back(home + "/.local");
  prefixes.insert(prefixes.end(), {"/usr/local", "/usr"});
  std::vector<std::string> found;
  for (const std::string& prefix : prefixes)
    for (const std::string& python : children(prefix + "/lib", "python3"))
      for (const char* packages : {"/site-packages", "/dist-packages"})
        found.push_back(python + packages);
  return found;
}

struct Place {
  std::string root;
  std::string words;  // in messages; empty: not mentioned
};

std::vector<Place> places(const std::string& cuda_dir) {
  if (!cuda_dir.empty()) return {{cuda_dir, cuda_dir}};
  std::vector<Place> found;
  if (const std::string wheels = BSGEN_CUDA_WHEELS; !wheels.empty())
    found.push_back({wheels, wheels});
  for (const char* name : {"CUDA_PATH", "CUDA_HOME"}) {
    const std::string value = variable(name);
    found.push_back({value, value.empty() ? std::string(name) + " (not set)"
                                          : std::string(name) + "=" + value});
  }
  found.push_back({"/usr/local/cuda", "/usr/local/cuda"});
  found.push_back({"", "the loader's path"});
  const auto packages = site_packages();
  for (std::size_t i = 0; i < packages.size(); ++i)
    found.push_back({packages[i], i == 0 ? "Python's site-packages/nvidia" : ""});
  return found;
}

void add(std::vector<std::string>& folders, const std::string& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error) &&
      std::find(folders.begin(), folders.end(), folder) == folders.end())
    folders.push_back(folder);
}

// Files of `folder` named `stem` + digits, by number.
std::map<int, std::string> versions(const std::string& folder, const std::string& stem) {
  std::map<int, std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(stem)) continue;
    int version = 0;
    const auto [rest, bad] =
        std::from_chars(name.data() + stem.size(), name.data() + name.size(), version);
    if (bad == std::errc() && rest == name.data() + name.size())
      found[version] = it->path().string();
  }
  return found;
}

}  // namespace

std::vector<std::string> library_folders(const std::string& cuda_dir) {
  std::vector<std::string> folders;
  for (const auto& [root, words] : places(cuda_dir)) {
    if (root.empty()) {
      if (words == "the loader's path") folders.push_back("");
      continue;
    }
    for (const char* shape : {"", "/lib", "/lib64"}) add(folders, root + shape);
    for (const std::string& target : children(root + "/targets", "")) add(folders, target + "/lib");
    for (const std::string& base : {root, root + "/nvidia"}) {
      for (const std::string& release : children(base, "cu1")) add(folders, release + "/lib");
      add(folders, base + "/cuda_nvrtc/lib");
    }
  }
  return folders;
}

std::vector<std::string> tool_folders(const std::string& cuda_dir) {
  std::vector<std::string> folders;
  for (const auto& [root, words] : places(cuda_dir)) {
    if (root.empty()) continue;
    for (const char* shape : {"", "/bin"}) add(folders, root + shape);
    for (const std::string& base : {root, root + "/nvidia"}) {
      for (const std::string& release : children(base, "cu1")) add(folders, release + "/bin");
      for (const char* wheel : {"/cuda_nvdisasm/bin", "/cuda_nvcc/bin"}) add(folders, base + wheel);
    }
  }
  if (!cuda_dir.empty()) return folders;
  std::string path = variable("PATH");
  while (!path.empty()) {
    const auto colon = path.find(':');
    add(folders, path.substr(0, colon));
    path = colon == std::string::npos ? "" : path.substr(colon + 1);
  }
  return folders;
}

std::vector<std::string> search_places(const std::string& cuda_dir) {
  std::vector<std::string> words;
  for (const Place& place : places(cuda_dir))
    if (!place.words.empty()) words.push_back(place.words);
  return words;
}

std::string highest_version(const std::string& folder, const std::string& stem) {
  const auto found = versions(folder, stem);
  return found.empty() ? "" : found.rbegin()->second;
}

std::string lowest_version(const std::string& folder, const std::string& stem) {
  const auto found = versions(folder, stem);
  return found.empty() ? "" : found.begin()->second;
}

}  // namespace bsgen::nvrtc
