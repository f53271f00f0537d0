// Who runs against the cpu device's fprop: the peers that this machine has.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bsgen/dtype.h"
#include "bsgen/layout.h"
#include "tools/bench/figures.h"
#include "tools/bench/peers/eigen_sparse.h"
#include "tools/bench/peers/libxsmm.h"
#include "tools/bench/peers/one_dnn.h"
#include "tools/bench/peers/open_blas.h"

namespace bsgen::bench {

struct Contender {
  std::string name;
  bool dense = false;
  std::function<bool()> run;
  std::function<float(std::int64_t token, std::int64_t col)> value = {};  // of its result; null: not compared (16 bits, and bsgen itself)
  std::vector<double> seconds = {};
  bool spins = false;                  // its threads stay awake for a while after a run
  std::function<double()> timed = {};  // runs and times itself; null: run() is timed
};

struct Peers {
  std::optional<OpenBlas> blas;
  std::optional<OneDnn> dnn;
  std::optional<Libxsmm> xsmm;
  std::optional<EigenSparse> eigen;

  static Peers open();
  std::string names() const;           // of those that are here
  std::vector<Figure> absent() const;  // a figure for each that is not, with how to get it
};

// Operands of one fprop as the cpu device takes them: x row-major, w the layout's blocks, both of `dtype`. They outlive the contenders.
struct FpropOperands {
  const Layout& layout;
  DType dtype;
  std::int64_t tokens;
  const void* x;
  std::int64_t ldx;
  const void* w;
};
std::vector<Contender> contenders(const Peers& peers, const FpropOperands& operands, int threads);

}  // namespace bsgen::bench
