#include "compiler/plan/structural.h"

#include <algorithm>

namespace bsgen::plan {

using analysis::Structure;
using analysis::StructureKind;

Structure oriented(const Structure& structure, Op op) {
  return op == Op::kBprop ? analysis::transposed(structure) : structure;
}

namespace {

bool contiguous(const Structure& s) {
  return s.offsets.back() - s.offsets.front() + 1 == static_cast<std::int32_t>(s.offsets.size());
}

// No two block rows of a column fall into one aligned pair.
bool pairs_apart(const Structure& s) {
  for (std::size_t o = 1; o < s.offsets.size(); ++o)
    if (s.offsets[o] - s.offsets[o - 1] < 2) return false;
  return s.kind != StructureKind::kPeriodic || s.offsets.front() + s.size - s.offsets.back() >= 2;
}

}  // namespace

WalkForm walk_form(const Structure& s, int panel, int pair) {
  switch (s.kind) {
    case StructureKind::kNone: return WalkForm::kNone;
    case StructureKind::kEmpty:
    case StructureKind::kFull:
    case StructureKind::kBlockDiagonal:
    case StructureKind::kLowerTriangle:
    case StructureKind::kUpperTriangle: return WalkForm::kInterval;
    case StructureKind::kBand:
      if (contiguous(s)) return WalkForm::kInterval;
      return panel == 1 && (pair == 1 || pairs_apart(s)) ? WalkForm::kList : WalkForm::kNone;
    case StructureKind::kPeriodic:  // value indices have a simple form only where every row holds as many blocks
      return panel == 1 && s.grid_rows % s.size == 0 && s.grid_cols % s.size == 0 && (pair == 1 || pairs_apart(s)) ? WalkForm::kList
                                                                                                                    : WalkForm::kNone;
    case StructureKind::kButterfly: return panel == 1 && s.grid_rows == s.grid_cols ? WalkForm::kList : WalkForm::kNone;
  }
  return WalkForm::kNone;
}

Interval interval(const Structure& s, std::int64_t j0, std::int64_t j1) {
  const std::int64_t rows = s.grid_rows;
  const auto clip = [&](std::int64_t first, std::int64_t last) { return Interval{std::max<std::int64_t>(0, first), std::min(rows - 1, last)}; };
  switch (s.kind) {
    case StructureKind::kFull: return {0, rows - 1};
    case StructureKind::kBlockDiagonal: return clip(j0 / s.size * s.size, (j1 / s.size + 1) * s.size - 1);
    case StructureKind::kLowerTriangle: return clip(j0, rows - 1);
    case StructureKind::kUpperTriangle: return clip(0, j1);
    case StructureKind::kBand: return clip(j0 - s.offsets.back(), j1 - s.offsets.front());
    default: return {0, -1};
  }
}

}  // namespace bsgen::plan
