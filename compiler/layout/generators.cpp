#include "compiler/layout/generators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compiler/layout/draws.h"
#include "compiler/layout/layout_data.h"

namespace bsgen::layout {
namespace {

// The rows of a mask as they are made, top to bottom; each row's columns ascend.
struct Rows {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> cols;

  void add(std::int64_t col) { cols.push_back(static_cast<std::int32_t>(col)); }
  void add_range(std::int64_t first, std::int64_t end) {
    for (std::int64_t col = first; col < end; ++col) add(col);
  }
  void finish_row() { offsets.push_back(static_cast<std::int64_t>(cols.size())); }
};

// The mask whose row i is what `fill(i, rows)` adds.
template <class Fill>
Rows by_rows(std::int64_t num_rows, const Fill& fill) {
  Rows rows;
  for (std::int64_t i = 0; i < num_rows; ++i) {
    fill(i, rows);
    rows.finish_row();
  }
  return rows;
}

// The mask with row lists `lists`, in any order.
Rows of_lists(std::vector<std::vector<std::int32_t>> lists) {
  return by_rows(static_cast<std::int64_t>(lists.size()), [&](std::int64_t i, Rows& rows) {
    std::sort(lists[i].begin(), lists[i].end());
    rows.cols.insert(rows.cols.end(), lists[i].begin(), lists[i].end());
  });
}

// The k-th number from 0 on that is not in `taken` (ascending).
std::int64_t nth_absent(const std::vector<std::int64_t>& taken, std::int64_t k) {
  for (const std::int64_t t : taken) {
    if (t > k) break;
    ++k;
  }
  return k;
}

void insert_sorted(std::vector<std::int64_t>& list, std::int64_t value) {
  list.insert(std::upper_bound(list.begin(), list.end(), value), value);
}

// Floyd's sampling without replacement (Bentley and Floyd, CACM 30(9), 1987): one draw per block.
Rows random(const GeneratorSpec& s) {
  const std::int64_t all = s.rows * s.cols;
  const double wanted = s.fraction * static_cast<double>(s.rows) * static_cast<double>(s.cols);
  const std::int64_t count = std::min(all, static_cast<std::int64_t>(std::llround(wanted)));
  std::vector<bool> taken(static_cast<std::size_t>(all), false);
  Draws draws(s.seed, static_cast<std::uint32_t>(s.generator));
  for (std::int64_t n = all - count; n < all; ++n) {
    const std::int64_t index = draws.below(n + 1);
    taken[taken[index] ? n : index] = true;
  }
  return by_rows(s.rows, [&](std::int64_t i, Rows& rows) {
    for (std::int64_t j = 0; j < s.cols; ++j)
      if (taken[i * s.cols + j]) rows.add(j);
  });
}

Rows banded(const GeneratorSpec& s) {
  const std::int64_t half = (s["width"] - 1) / 2;
  return by_rows(s.rows, [&](std::int64_t i, Rows& rows) {
    rows.add_range(std::max<std::int64_t>(0, i - half), std::min(s.cols, i + half + 1));
  });
}

Rows blockdiag(const GeneratorSpec& s) {
  const std::int64_t size = s["size"];
  return by_rows(s.rows, [&](std::int64_t i, Rows& rows) {
    rows.add_range(i / size * size, std::min(s.cols, (i / size + 1) * size));
  });
}

Rows causal(const GeneratorSpec& s) {
  return by_rows(s.rows, [&](std::int64_t i, Rows& rows) { rows.add_range(0, std::min(s.cols, i + 1)); });
}

Rows strided(const GeneratorSpec& s) {
  const std::int64_t stride = s["stride"];
  return by_rows(s.rows, [&](std::int64_t i, Rows& rows) {
    for (std::int64_t j = i % stride; j < s.cols; j += stride) rows.add(j);
  });
}

Rows butterfly(const GeneratorSpec& s) {
  return by_rows(s.rows, [&](std::int64_t i, Rows& rows) {
    std::vector<std::int64_t> cols{i};
    for (std::int64_t bit = 1; bit < std::max(s.rows, s.cols); bit *= 2) cols.push_back(i ^ bit);
    std::sort(cols.begin(), cols.end());
    for (const std::int64_t col : cols)
      if (col < s.cols) rows.add(col);
  });
}

// Window, global rows and columns, and `num_random` more columns per row that is not global.
Rows attention(const GeneratorSpec& s, std::int64_t num_random) {
  const std::int64_t half = (s["window"] - 1) / 2, global = s["global"];
  Draws draws(s.seed, static_cast<std::uint32_t>(s.generator));
  return by_rows(s.rows, [&](std::int64_t i, Rows& rows) {
    if (i < global) return rows.add_range(0, s.cols);
    const std::int64_t left = std::min(global, s.cols);
    const std::int64_t begin = std::max(left, i - half), end = std::min(s.cols, i + half + 1);
    if (num_random == 0) {
      rows.add_range(0, left);
      return rows.add_range(begin, end);
    }
    std::vector<std::int64_t> present;
    for (std::int64_t j = 0; j < left; ++j) present.push_back(j);
    for (std::int64_t j = begin; j < end; ++j) present.push_back(j);
    for (std::int64_t n = 0; n < num_random; ++n) {
      const std::int64_t absent = s.cols - static_cast<std::int64_t>(present.size());
      if (absent == 0) break;
      insert_sorted(present, nth_absent(present, draws.below(absent)));
    }
    for (const std::int64_t j : present) rows.add(j);
  });
}

Rows smallworld(const GeneratorSpec& s) {
  const std::int64_t degree = s["degree"];
  const std::uint64_t threshold = static_cast<std::uint64_t>(std::floor(s.fraction * 4294967296.0));
  Draws draws(s.seed, static_cast<std::uint32_t>(s.generator));
  std::vector<std::vector<std::int32_t>> lists(s.rows);
  std::vector<std::int64_t> near, joined;
  for (std::int64_t j = 0; j < s.cols; ++j) {
    // Outwards from j x rows / cols; distances are compared as exact fractions with denominator cols.
    near.clear();
    const std::int64_t centre = j * s.rows;
    std::int64_t low = centre / s.cols, high = low + 1;
    while (static_cast<std::int64_t>(near.size()) < degree) {
      const bool below = centre - low * s.cols <= high * s.cols - centre;
      const std::int64_t row = below ? low-- : high++;
      near.push_back(((row % s.rows) + s.rows) % s.rows);
    }
    joined = near;
    std::sort(joined.begin(), joined.end());
    for (const std::int64_t row : near) {
      if (!draws.chance(threshold) || degree == s.rows) continue;
      const std::int64_t other = nth_absent(joined, draws.below(s.rows - degree));
      joined.erase(std::lower_bound(joined.begin(), joined.end(), row));
      insert_sorted(joined, other);
    }
    for (const std::int64_t row : joined) lists[row].push_back(static_cast<std::int32_t>(j));
  }
  return of_lists(std::move(lists));
}

Rows scalefree(const GeneratorSpec& s) {
  const std::int64_t edges = s["edges"];
  Draws draws(s.seed, static_cast<std::uint32_t>(s.generator));
  std::vector<std::vector<std::int32_t>> lists(s.rows);
  std::vector<std::int32_t> ends;  // every node once per edge it has: a uniform pick prefers the well connected
  const auto join = [&](std::int64_t a, std::int64_t b) {
    lists[a].push_back(static_cast<std::int32_t>(b));
    lists[b].push_back(static_cast<std::int32_t>(a));
    ends.push_back(static_cast<std::int32_t>(a));
    ends.push_back(static_cast<std::int32_t>(b));
  };
  for (std::int64_t v = 0; v < s.rows; ++v) lists[v].push_back(static_cast<std::int32_t>(v));
  for (std::int64_t v = 1; v <= edges; ++v) join(0, v);  // a star to start from
  std::vector<std::int64_t> last_joined(s.rows, -1);     // the newest node that picked this one
  std::vector<std::int32_t> targets;
  for (std::int64_t v = edges + 1; v < s.rows; ++v) {
    targets.clear();
    while (static_cast<std::int64_t>(targets.size()) < edges) {
      const std::int32_t target = ends[draws.below(static_cast<std::int64_t>(ends.size()))];
      if (last_joined[target] == v) continue;
      last_joined[target] = v;
      targets.push_back(target);
    }
    for (const std::int32_t target : targets) join(target, v);
  }
  return of_lists(std::move(lists));
}

// Bit 8 of a digit is its first block. Bits behind the last block are ignored.
Rows bits(const GeneratorSpec& s) {
  return by_rows(s["heads"] * s.rows, [&](std::int64_t i, Rows& rows) {
    for (std::int64_t j = 0; j < s.cols; ++j) {
      const std::int64_t bit = i * s.cols + j;
      const char digit = s.hex[static_cast<std::size_t>(bit / 4)];
      if ((digit <= '9' ? digit - '0' : digit - 'a' + 10) & 8 >> bit % 4) rows.add(j);
    }
  });
}

Rows make(const GeneratorSpec& s) {
  switch (s.generator) {
    case Generator::kRandom: return random(s);
    case Generator::kBanded: return banded(s);
    case Generator::kBlockdiag: return blockdiag(s);
    case Generator::kCausal: return causal(s);
    case Generator::kStrided: return strided(s);
    case Generator::kButterfly: return butterfly(s);
    case Generator::kBigbird: return attention(s, s["random"]);
    case Generator::kLongformer: return attention(s, 0);
    case Generator::kSmallworld: return smallworld(s);
    case Generator::kScalefree: return scalefree(s);
    case Generator::kFull:
      return by_rows(s.rows, [&](std::int64_t, Rows& rows) { rows.add_range(0, s.cols); });
    case Generator::kEmpty: return by_rows(s.rows, [](std::int64_t, Rows&) {});
    case Generator::kBits: return bits(s);
  }
  return {};
}

}  // namespace

Expected<Layout> generate(const GeneratorSpec& spec, BlockShape block, MatrixSize size) {
  const std::int64_t heads = spec.generator == Generator::kBits ? spec["heads"] : 1;
  // Before a gigabyte is filled: the grid may still be no layout for this block.
  BSGEN_TRY(check_shape(heads, spec.rows, spec.cols, block, size));
  return within_memory([&]() -> Expected<Layout> {
    const Rows rows = make(spec);
    return Layout::from_bsr(rows.offsets, rows.cols, spec.cols, block, heads, size);
  });
}

}  // namespace bsgen::layout
