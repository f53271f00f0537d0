// Bulk copies of sm_90: tensor-map loads, stores and reductions in every rank, swizzle and element type, boxes that reach outside, and
// reductions without a map. What is not written shows what it held before.
#include <fmt/format.h>

#include "tools/goldgen/cases.h"

namespace bsgen::goldens {
namespace {

constexpr int kThreads = 128;
using Place = std::vector<std::int32_t>;

std::uint32_t box_bytes(const TensorMapConfig& map) {
  std::uint32_t bytes = map.box[0] * static_cast<std::uint32_t>(element_bytes(map.type));
  for (int d = 1; d < map.rank; ++d) bytes *= (map.box[d] + map.element_strides[d] - 1) / map.element_strides[d];
  return bytes;
}
int buffer_bytes(const TensorMapConfig& map) { return static_cast<int>((box_bytes(map) + 1023) / 1024 * 1024); }

// Rows a little longer than they need be, so that strides count. `bytes`: of the whole tensor.
TensorMapConfig tensor(TensorType type, const std::vector<std::uint64_t>& dims, const std::vector<std::uint32_t>& box, TensorSwizzle swizzle,
                       std::size_t& bytes) {
  TensorMapConfig map;
  map.type = type;
  map.rank = static_cast<int>(dims.size());
  map.swizzle = swizzle;
  std::uint64_t stride = dims[0] * static_cast<std::uint64_t>(element_bytes(type));
  for (std::size_t d = 0; d < dims.size(); ++d) {
    map.dims[d] = dims[d];
    map.box[d] = box[d];
    if (d == 0) continue;
    stride = (stride + 15) / 16 * 16 + 16;
    map.strides[d - 1] = stride;
    stride *= dims[d];
  }
  bytes = (stride + 15) / 16 * 16;
  return map;
}

// The registers %x16.. of this cta's coordinates: the set of its number.
std::string coordinates(const std::vector<Place>& places) {
  std::string text;
  for (std::size_t set = 0; set < places.size(); ++set) {
    text += fmt::format("setp.eq.u32 %p3, %r0, {};\n", set);
    for (std::size_t d = 0; d < places[set].size(); ++d) text += fmt::format("@%p3 mov.b32 %x{}, {};\n", 16 + d, places[set][d]);
  }
  return text;
}

// A loop of the cta over `words` words: `each` finds the word's number in %x2 and its shared address in %x4.
std::string for_each_word(const char* label, int words, const std::string& each) {
  return fmt::format(
      "mov.u32 %x2, %x31;\n{0}:\nshl.b32 %x3, %x2, 2;\nadd.u32 %x4, %x0, %x3;\n{1}add.u32 %x2, %x2, {2};\nsetp.lt.u32 %p0, %x2, {3};\n@%p0 bra "
      "{0};\n",
      label, each, kThreads, words);
}

// Each cta fills its buffer with a pattern, loads the box of its coordinates over it, and shows the whole buffer.
Case load(std::string name, const TensorMapConfig& map, std::size_t tensor_bytes, const std::vector<Place>& places) {
  const int words = buffer_bytes(map) / 4;
  Case made;
  made.name = "tma.load." + std::move(name);
  made.inputs = {Draw::kIndex};
  made.tiles = static_cast<int>(places.size());
  made.threads = kThreads;
  made.min_sm = 90;
  made.shared_bytes = buffer_bytes(map) + 16;  // the mbarrier behind the buffer
  made.memory_words = tensor_bytes / 4;
  made.output_words = places.size() * static_cast<std::size_t>(words);
  made.map = map;
  made.body = fmt::format("mov.u32 %x0, tile;\nadd.u32 %x1, %x0, {};\n", words * 4);
  made.body += for_each_word("FILL", words, "xor.b32 %x5, %x2, 0x5a5a0000;\nst.shared.b32 [%x4], %x5;\n");
  made.body += fmt::format(
      "fence.proxy.async.shared::cta;\nbar.sync 0;\nsetp.ne.u32 %p1, %x31, 0;\n@%p1 bra WAIT;\nmbarrier.init.shared::cta.b64 [%x1], 1;\n"
      "fence.mbarrier_init.release.cluster;\nmbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%x1], {};\n{}"
      "cp.async.bulk.tensor.{}d.shared::cluster.global.mbarrier::complete_tx::bytes [%x0], [%rd2, {}], [%x1];\nWAIT:\nbar.sync 0;\n"
      "SPIN:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p2, [%x1], 0;\n@!%p2 bra SPIN;\nmul.lo.u32 %x6, %r0, {};\n",
      box_bytes(map), coordinates(places), map.rank, registers("x", 16, map.rank), words);
  made.body +=
      for_each_word("SHOW", words, "ld.shared.b32 %x5, [%x4];\nadd.u32 %x7, %x2, %x6;\nmad.wide.u32 %d0, %x7, 4, %rd1;\nst.global.b32 [%d0], %x5;\n");
  return made;
}

// One cta brings drawn words into shared memory and stores or reduces them to the outputs, which began as drawn words too.
Case store(std::string name, const std::string& instruction, int words, std::size_t output_bytes, Draw draw, const NamedSpread& spread) {
  Case made;
  made.name = std::move(name);
  if (draw != Draw::kBits && draw != Draw::kIndex) made.name += fmt::format("/{}", spread.name);
  made.inputs = {draw};
  made.spread = spread.spread;
  made.tiles = 1;
  made.threads = kThreads;
  made.min_sm = 90;
  made.shared_bytes = words * 4;
  made.output_words = output_bytes / 4;
  made.memory_words = made.output_words + static_cast<std::size_t>(words);
  made.starts_drawn = true;
  made.body = "mov.u32 %x0, tile;\n";
  made.body +=
      for_each_word("FILL", words,
                    fmt::format("add.u32 %x5, %x2, {};\nmad.wide.u32 %d0, %x5, 4, %rd0;\nld.global.b32 %x6, [%d0];\nst.shared.b32 [%x4], %x6;\n",
                                made.output_words));
  made.body += "fence.proxy.async.shared::cta;\nbar.sync 0;\nsetp.ne.u32 %p1, %x31, 0;\n@%p1 bra DONE;\n" + instruction +
               "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nDONE:\n";
  return made;
}
Case tensor_store(std::string name, const std::string& operation, TensorMapConfig map, std::size_t bytes, const Place& place, Draw draw,
                  const NamedSpread& spread) {
  Case made = store(std::move(name), fmt::format("{}{} [%rd2, {}], [%x0];\n", coordinates({place}), operation, registers("x", 16, map.rank)),
                    buffer_bytes(map) / 4, bytes, draw, spread);
  made.map = map;
  made.maps_output = true;
  return made;
}

const char* const kSwizzles[] = {"none", "32B", "64B", "128B"};
const char* const kTypes[] = {"u8", "u16", "u32", "s32", "u64", "s64", "f16", "f32", "f64", "bf16"};  // of TensorType, as far as bits go

std::vector<Case> loads() {
  using T = TensorType;
  using S = TensorSwizzle;
  struct Shape {
    T type;
    std::vector<std::uint64_t> dims;
    std::vector<std::uint32_t> box;
    S swizzle;
    std::vector<Place> places;  // inside, across each edge, far outside
    TensorFill fill = TensorFill::kZeros;
    std::uint32_t strides[2] = {1, 1};  // of elements, dimensions 1 and 2
  };
  const std::vector<Place> flat = {{0, 0}, {8, 5}, {-3, -2}, {60, 12}, {80, 0}, {0, -300}};
  std::vector<Shape> shapes = {
      {T::kU8, {304}, {48}, S::kNone, {{0}, {17}, {-5}, {290}, {400}, {-48}, {-1000}}},
      {T::kF32, {40, 9, 5}, {32, 4, 3}, S::k128B, {{0, 0, 0}, {20, 7, 3}, {-1, -1, -1}, {39, 8, 4}}},
      {T::kF64, {12, 5, 4, 3}, {8, 2, 3, 2}, S::k64B, {{0, 0, 0, 0}, {6, 4, 2, -1}, {-2, 3, 0, 2}}},
      {T::kU16, {33, 4, 3, 3, 2}, {24, 3, 2, 2, 2}, S::kNone, {{0, 0, 0, 0, 0}, {20, -1, 2, 1, 1}}},
      {T::kS32, {64, 3, 2, 2, 2}, {8, 2, 2, 2, 2}, S::k32B, {{3, 1, 1, 0, 1}, {-3, -1, -1, -1, -1}}},
      {T::kU64, {20, 9}, {16, 8}, S::k128B, {{0, 0}, {7, 4}, {-1, -1}}},
      {T::kF32, {24, 20, 6}, {16, 9, 5}, S::k64B, {{0, 0, 0}, {4, 3, 1}, {-2, -3, 2}}, TensorFill::kZeros, {2, 3}},
  };
  for (const auto& [swizzle, width] : {std::pair(S::kNone, 40u), std::pair(S::k32B, 16u), std::pair(S::k64B, 32u), std::pair(S::k128B, 64u)})
    shapes.push_back({T::kBf16, {72, 20}, {width, 16}, swizzle, flat});
  for (const T type : {T::kF16, T::kBf16, T::kF32, T::kF64})
    shapes.push_back({type, {24, 6}, {16, 4}, S::kNone, {{-4, 4}, {20, -1}}, TensorFill::kNan});
  std::vector<Case> made;
  for (const Shape& s : shapes) {
    std::size_t bytes = 0;
    TensorMapConfig map = tensor(s.type, s.dims, s.box, s.swizzle, bytes);
    map.fill = s.fill;
    map.element_strides[1] = s.strides[0];
    map.element_strides[2] = s.strides[1];
    made.push_back(load(fmt::format("{}d.{}, swizzle {}{}{}", map.rank, kTypes[static_cast<int>(s.type)], kSwizzles[static_cast<int>(s.swizzle)],
                                    s.fill == TensorFill::kNan ? ", NaN outside" : "", s.strides[0] > 1 ? ", element strides" : ""),
                        map, bytes, s.places));
  }
  return made;
}

std::vector<Case> stores() {
  using S = TensorSwizzle;
  std::vector<Case> made;
  std::size_t bytes = 0;
  for (const auto& [swizzle, width] : {std::pair(S::kNone, 40u), std::pair(S::k32B, 16u), std::pair(S::k64B, 32u), std::pair(S::k128B, 64u)})
    for (const Place& place : {Place{0, 0}, {24, 10}, {-8, -3}}) {
      const TensorMapConfig map = tensor(TensorType::kBf16, {72, 20}, {width, 12}, swizzle, bytes);
      made.push_back(tensor_store(fmt::format("tma.store.2d.bf16, swizzle {}, at {} {}", kSwizzles[static_cast<int>(swizzle)], place[0], place[1]),
                                  "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group", map, bytes, place, Draw::kIndex, kSpreads[0]));
    }
  for (int rank = 1; rank <= 5; ++rank) {
    if (rank == 2) continue;
    const std::vector<std::uint64_t> dims = {36, 4, 3, 3, 2};
    const std::vector<std::uint32_t> box = {24, 3, 2, 2, 2};
    const TensorMapConfig map = tensor(TensorType::kU16, {dims.begin(), dims.begin() + rank}, {box.begin(), box.begin() + rank}, S::kNone, bytes);
    const Place place = {16, -1, 2, 1, 1};
    made.push_back(tensor_store(fmt::format("tma.store.{}d.u16", rank), fmt::format("cp.async.bulk.tensor.{}d.global.shared::cta.bulk_group", rank),
                                map, bytes, {place.begin(), place.begin() + rank}, Draw::kIndex, kSpreads[0]));
  }
  return made;
}

struct Reduction {
  const char* operation;
  TensorType type;
  const char* name;  // of the type, where no map names it
  Draw draw;
};
std::vector<Reduction> reductions() {
  using T = TensorType;
  std::vector<Reduction> made = {{"inc", T::kU32, "u32", Draw::kBits},         {"dec", T::kU32, "u32", Draw::kBits},
                                 {"add", T::kU32, "u32", Draw::kBits},         {"add", T::kS32, "s32", Draw::kBits},
                                 {"add", T::kU64, "u64", Draw::kBits},         {"add", T::kF16, "noftz.f16", Draw::kF16},
                                 {"add", T::kBf16, "noftz.bf16", Draw::kBf16}, {"add", T::kF32, "f32", Draw::kF32}};
  for (const char* operation : {"min", "max"}) {
    made.push_back({operation, T::kU32, "u32", Draw::kBits});
    made.push_back({operation, T::kS32, "s32", Draw::kBits});
    made.push_back({operation, T::kU64, "u64", Draw::kBits});
    made.push_back({operation, T::kS64, "s64", Draw::kBits});
    made.push_back({operation, T::kF16, "f16", Draw::kF16});
    made.push_back({operation, T::kBf16, "bf16", Draw::kBf16});
  }
  for (const char* operation : {"and", "or", "xor"}) {
    made.push_back({operation, T::kU32, "b32", Draw::kBits});
    made.push_back({operation, T::kU64, "b64", Draw::kBits});
  }
  return made;
}
std::vector<Case> reduces() {
  std::vector<Case> made;
  constexpr int kBytes = 4096;
  for (const Reduction& r : reductions())
    for (const NamedSpread& spread : kSpreads) {
      if (r.draw == Draw::kBits && spread.spread != Spread::kNormal) continue;
      std::size_t bytes = 0;
      const auto size = static_cast<std::uint32_t>(element_bytes(r.type));
      const TensorMapConfig map = tensor(r.type, {192 / size, 16}, {128 / size, 12}, TensorSwizzle::k128B, bytes);
      made.push_back(tensor_store(fmt::format("tma.reduce.{}.{}", r.operation, r.name),
                                  fmt::format("cp.reduce.async.bulk.tensor.2d.global.shared::cta.{}.tile.bulk_group", r.operation), map, bytes,
                                  {static_cast<std::int32_t>(96 / size), 9}, r.draw, spread));
      made.push_back(store(fmt::format("bulk.reduce.{}.{}", r.operation, r.name),
                           fmt::format("cp.reduce.async.bulk.global.shared::cta.bulk_group.{}.{} [%rd1], [%x0], {};\n", r.operation, r.name, kBytes),
                           kBytes / 4, kBytes, r.draw, spread));
    }
  return made;
}

}  // namespace

std::vector<Case> copy_cases() {
  std::vector<Case> all = loads();
  for (const auto& part : {stores(), reduces()}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace bsgen::goldens
