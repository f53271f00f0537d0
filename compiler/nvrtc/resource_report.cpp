#include "compiler/nvrtc/resource_report.h"

#include <elf.h>

#include <charconv>
#include <cstring>
#include <vector>

namespace bsgen::nvrtc {
namespace {

// The number right before `words`: "32" in "Used 32 registers," for " registers".
std::optional<int> number_before(std::string_view line, std::string_view words) {
  const auto at = line.find(words);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  auto begin = at;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') --begin;
  int value = 0;
  const auto [rest, error] = std::from_chars(line.data() + begin, line.data() + at, value);
  if (error != std::errc() || rest != line.data() + at || begin == at) return std::nullopt;
  return value;
}

// The layout of a cubin: ELF64, one ".text.NAME" and ".nv.shared.NAME" per kernel, attributes in
// ".nv.info".
constexpr Elf64_Half kMachineCuda = 190;       // EM_CUDA
constexpr std::uint8_t kSizedValue = 4;        // EIFMT_SVAL: a 16-bit byte count, then the value
constexpr std::uint8_t kFrameSize = 0x11;      // EIATTR_FRAME_SIZE: {symbol, bytes}
constexpr std::uint8_t kRegisterCount = 0x2f;  // EIATTR_REGCOUNT: {symbol, registers}

template <class T>
bool read_at(std::span<const std::byte> bytes, std::uint64_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

std::string_view text_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const char* begin = reinterpret_cast<const char*>(bytes.data() + offset);
  return {begin, strnlen(begin, bytes.size() - offset)};
}

class Cubin {
 public:
  static std::optional<Cubin> read(std::span<const std::byte> bytes) {
    Cubin cubin;
    cubin.bytes_ = bytes;
    Elf64_Ehdr header;
    if (!is_cubin(bytes) || !read_at(bytes, 0, header) || header.e_shentsize != sizeof(Elf64_Shdr))
      return std::nullopt;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      Elf64_Shdr section;
      if (!read_at(bytes, header.e_shoff + std::uint64_t{i} * sizeof section, section))
        return std::nullopt;
      cubin.sections_.push_back(section);
    }
    if (header.e_shstrndx >= cubin.sections_.size()) return std::nullopt;
    cubin.names_ = cubin.sections_[header.e_shstrndx].sh_offset;
    return cubin;
  }

  const Elf64_Shdr* section(std::string_view name) const {
    for (const Elf64_Shdr& section : sections_)
      if (text_at(bytes_, names_ + section.sh_name) == name) return &section;
    return nullptr;
  }
  std::span<const std::byte> contents(const Elf64_Shdr& section) const {
    if (section.sh_offset > bytes_.size() || section.sh_size > bytes_.size() - section.sh_offset)
      return {};
    return bytes_.subspan(section.sh_offset, section.sh_size);
  }
  std::string_view symbol_name(std::uint32_t index) const {
    const Elf64_Shdr* symbols = section(".symtab");
    const Elf64_Shdr* names = section(".strtab");
    Elf64_Sym symbol;
    if (!symbols || !names ||
        !read_at(contents(*symbols), std::uint64_t{index} * sizeof symbol, symbol))
      return {};
    return text_at(contents(*names), symbol.st_name);
  }

  bool has_symbol(std::string_view name) const {
    const Elf64_Shdr* symbols = section(".symtab");
    const std::uint64_t count = symbols ? contents(*symbols).size() / sizeof(Elf64_Sym) : 0;
    for (std::uint64_t i = 0; i < count; ++i)
      if (symbol_name(static_cast<std::uint32_t>(i)) == name) return true;
    return false;
  }

  // Value of a {symbol, value} attribute of `kernel` in .nv.info.
  std::optional<std::uint32_t> attribute(std::uint8_t wanted, std::string_view kernel) const {
    const Elf64_Shdr* info = section(".nv.info");
    if (!info) return std::nullopt;
    const auto bytes = contents(*info);
    struct Head {
      std::uint8_t format, attribute;
      std::uint16_t size_or_value;
    } head;
    for (std::uint64_t at = 0; read_at(bytes, at, head);) {
      at += sizeof head;
      if (head.format != kSizedValue) continue;
      std::uint32_t pair[2];
      if (head.attribute == wanted && head.size_or_value == sizeof pair &&
          read_at(bytes, at, pair) && symbol_name(pair[0]) == kernel)
        return pair[1];
      at += head.size_or_value;
    }
    return std::nullopt;
  }

 private:
  std::span<const std::byte> bytes_;
  std::vector<Elf64_Shdr> sections_;
  std::uint64_t names_ = 0;
};

}  // namespace

std::optional<ResourceReport> parse_ptxas_resources(std::string_view log, std::string_view entry) {
  ResourceReport report;
  bool properties = false, used = false, in_entry = false;
  while (!log.empty()) {
    const auto end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    log = end == std::string_view::npos ? std::string_view() : log.substr(end + 1);
    if (!line.starts_with("ptxas")) continue;
    constexpr std::string_view kFunction = "Function properties for ";
    if (const auto at = line.find(kFunction); at != std::string_view::npos) {
      in_entry = line.substr(at + kFunction.size()) == entry;
      properties |= in_entry;
    } else if (const auto stack = number_before(line, " bytes stack frame")) {
      if (in_entry) report.local_bytes = *stack;
      report.spill_bytes += number_before(line, " bytes spill stores").value_or(0) +
                            number_before(line, " bytes spill loads").value_or(0);
    } else if (in_entry && line.find(": Used ") != std::string_view::npos) {
      const auto registers = number_before(line, " registers");
      if (!registers) return std::nullopt;
      report.registers = *registers;
      report.shared_bytes = number_before(line, " bytes smem").value_or(0);
      used = true;
    }
  }
  if (!properties || !used) return std::nullopt;
  return report;
}

std::optional<ResourceReport> read_cubin_resources(std::span<const std::byte> bytes,
                                                   std::string_view entry) {
  const auto cubin = Cubin::read(bytes);
  if (!cubin) return std::nullopt;
  const std::string name(entry);
  const Elf64_Shdr* text = cubin->section(".text." + name);
  const auto registers = cubin->attribute(kRegisterCount, entry);
  if (!text || !registers) return std::nullopt;
  ResourceReport report;
  report.registers = static_cast<int>(*registers);
  report.code_bytes = static_cast<int>(text->sh_size);
  report.local_bytes = static_cast<int>(cubin->attribute(kFrameSize, entry).value_or(0));
  // From sm_90 on the section begins with the KiB that the hardware keeps for itself.
  const std::uint64_t reserved = cubin->has_symbol(".nv.reservedSmem.offset0") ? 1024 : 0;
  if (const Elf64_Shdr* shared = cubin->section(".nv.shared." + name);
      shared && shared->sh_size >= reserved)
    report.shared_bytes = static_cast<int>(shared->sh_size - reserved);
  return report;
}

bool is_cubin(std::span<const std::byte> bytes) {
  Elf64_Ehdr header;
  return read_at(bytes, 0, header) && std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == kMachineCuda;
}

}  // namespace bsgen::nvrtc
