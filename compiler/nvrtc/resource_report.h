// What the assembler says one kernel costs, from its verbose log and from the cubin itself. No GPU
// needed.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bsgen/kernel.h"

namespace bsgen::nvrtc {

// The "-v" log of ptxas: registers, static shared memory and stack of `entry`; spills of every
// function in it, since what a called function spills is spilled too. Code bytes are not in the
// log. Nothing if the log does not describe the entry.
std::optional<ResourceReport> parse_ptxas_resources(std::string_view log, std::string_view entry);

// Registers, static shared memory, stack and code bytes of `entry` out of the ELF file; spills are
// not in it. Nothing if the bytes are no cubin or hold no such kernel; any bytes are safe to pass.
std::optional<ResourceReport> read_cubin_resources(std::span<const std::byte> cubin,
                                                   std::string_view entry);

// Whether the bytes begin like a 64-bit ELF file for CUDA.
bool is_cubin(std::span<const std::byte> bytes);

}  // namespace bsgen::nvrtc
