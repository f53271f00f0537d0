#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "runtime/cpu/cpu_launch.h"
#include "runtime/cpu/cpu_plan.h"
#include "runtime/cpu/library.h"
#include "tests/support/catch.h"
#include "tests/support/random_layout.h"

namespace bsgen::cpu {
namespace {

const Machine kMachine = {"znver4", "+avx2,+avx512f,+fma", Isa::kAvx512, 1 << 20};

std::vector<CpuPlan> many_plans(const Layout& layout) {
  std::vector<CpuPlan> plans;
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16})
    for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
      for (const Activations activations : {Activations::kRow, Activations::kCol}) {
        Machine machine = kMachine;
        machine.isa = isa;
        plans.push_back(choose(layout, {.op = op, .dtype = DType::kBf16, .activations = activations}, machine));
      }
  return plans;
}

}  // namespace

TEST_CASE("every_plan_verifies_and_is_read_back_as_it_was_written") {
  for (const int rows : {8, 16, 32, 64, 128})
    for (const int cols : {8, 16, 32, 64, 128})
      for (const CpuPlan& plan : many_plans(*Layout::from_bits({1, 0, 1, 1}, 2, 2, {rows, cols}, 1, {2 * rows - 1, 2 * cols - 3}))) {
        INFO(rows << " x " << cols);
        CHECK(plan.verify() == Status());
        std::ostringstream text;
        plan.dump(text);
        const auto read = CpuPlan::parse(text.str());
        REQUIRE(read.ok());
        CHECK(*read == plan);
      }
}

TEST_CASE("a_plan_that_does_not_cover_its_blocks_is_refused") {
  const Layout layout = *Layout::from_bits({1, 0, 1, 1}, 2, 2, {32, 32});
  CpuPlan plan = choose(layout, {.op = Op::kFprop, .dtype = DType::kFp32}, kMachine);
  plan.vectors = 3;
  CHECK(plan.verify() == Status(ErrorCode::kInvalidArgument, "cpu plan: the vectors do not cover a block"));
  plan.vectors = 2;
  plan.tile_rows = {14, 8};
  CHECK(plan.verify() == Status(ErrorCode::kInvalidArgument, "cpu plan: the tiles do not cover a block"));
  CHECK(CpuPlan::parse("bsgen cpu plan 1\nop fprop\n").status().code() == ErrorCode::kInvalidArgument);
}

TEST_CASE("bf16_is_multiplied_in_pairs_where_the_machine_does_and_the_contraction_has_them") {
  Machine machine = kMachine;
  const Layout even = *Layout::from_bits({1, 0, 1, 1}, 2, 2, {32, 32}, 1, {62, 50}), odd = *Layout::from_bits({1, 0, 1, 1}, 2, 2, {32, 32}, 1, {63, 50});
  const auto pairs = [&](const Layout& layout, Op op, DType dtype) { return choose(layout, {.op = op, .dtype = dtype}, machine).pairs; };
  CHECK(!pairs(even, Op::kFprop, DType::kBf16));
  machine.isa = Isa::kAvx512Bf16;
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
    CHECK(pairs(even, op, DType::kBf16));
    CHECK(pairs(odd, op, DType::kBf16) == (op != Op::kFprop));  // the contraction of fprop are the rows of W, of update tokens
    for (const DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16}) CHECK(!pairs(even, op, dtype));
  }
  CpuPlan plan = choose(odd, {.op = Op::kFprop, .dtype = DType::kBf16}, machine);
  CHECK(plan.reasons[0] == "bf16 is widened: a contraction of 63 elements has no pairs");
  plan.pairs = true;
  CHECK(plan.verify() == Status(ErrorCode::kInvalidArgument, "cpu plan: an odd number of elements has no pairs"));
  plan = choose(even, {.op = Op::kFprop, .dtype = DType::kBf16}, machine);
  plan.machine.isa = Isa::kAvx512;
  CHECK(plan.verify() == Status(ErrorCode::kInvalidArgument, "cpu plan: pairs of bf16 on avx512"));
}

TEST_CASE("lists_are_split_by_their_blocks_and_every_list_is_done_once") {
  for (std::uint64_t number = 0; number < 40; ++number) {
    INFO("random_layout(" << number << ")");
    const Layout layout = test::random_layout(number).make();
    CpuPlan plan;
    plan.block = layout.block();
    const BlockLists made = make_lists(plan, layout);
    const std::int64_t lists = layout.grid_cols();
    for (std::int64_t head = 0; head < layout.heads(); ++head)
      for (const std::int64_t parts : {1, 2, 3, 8}) {
        const auto weight = [&](std::int64_t begin, std::int64_t end) {
          return made.offsets[static_cast<std::size_t>(head * lists + end)] - made.offsets[static_cast<std::size_t>(head * lists + begin)] + end - begin;
        };
        std::int64_t heaviest = 0;
        for (std::int64_t list = 0; list < lists; ++list) heaviest = std::max(heaviest, weight(list, list + 1));
        std::int64_t next = 0;
        for (const Range& range : split_lists(made.offsets, head * lists, lists, parts)) {
          CHECK(range.begin == next);
          CHECK(range.end > range.begin);
          CHECK(weight(range.begin, range.end) <= weight(0, lists) / parts + heaviest + 1);
          next = range.end;
        }
        CHECK(next == lists);
      }
  }
}

TEST_CASE("few_tokens_take_every_block_once_in_the_order_of_memory") {
  for (std::uint64_t number = 0; number < 40; ++number) {
    const Layout layout = test::random_layout(number).make();
    const CpuPlan plan = choose(layout, {.op = Op::kFprop, .dtype = DType::kFp32}, kMachine);
    if (plan.ordered_tokens() == 0 || plan.num_blocks == 0) continue;
    const BlockLists lists = make_lists(plan, layout);
    for (const int threads : {1, 2, 5}) {
      INFO("random_layout(" << number << "), " << threads << " threads");
      const StorageOrder order = order_by_storage(plan, layout, lists, threads);
      CHECK(order.for_threads == (threads > 1 && is_worth_threads(plan, 1)));
      REQUIRE(order.entries.size() == static_cast<std::size_t>(layout.num_blocks() + plan.blocks_ahead()));
      REQUIRE(order.offsets.size() == order.parts.size() + 1);
      std::vector<int> taken(static_cast<std::size_t>(layout.num_blocks()));
      std::vector<std::int64_t> next_column(static_cast<std::size_t>(layout.heads()));
      for (std::size_t p = 0; p < order.parts.size(); ++p) {
        const StorageOrder::Part& part = order.parts[p];
        CHECK(part.begin == std::exchange(next_column[static_cast<std::size_t>(part.head)], part.end));
        std::int32_t previous = -1;
        for (std::int64_t i = order.offsets[p]; i < order.offsets[p + 1]; ++i) {
          const BlockEntry entry = order.entries[static_cast<std::size_t>(i)];
          CHECK(entry.value > previous);
          previous = entry.value;
          ++taken[static_cast<std::size_t>(entry.value)];
          const std::int64_t row = part.head * layout.grid_rows() + entry.inner, column = order.columns[static_cast<std::size_t>(i)];
          CHECK((layout.row_offsets()[row] <= entry.value && entry.value < layout.row_offsets()[row + 1]));
          CHECK(column == layout.block_cols()[entry.value]);
          CHECK((part.begin <= column && column < part.end));
        }
      }
      for (const std::int64_t column : next_column) CHECK(column == layout.grid_cols());
      CHECK(std::count(taken.begin(), taken.end(), 1) == layout.num_blocks());
    }
  }
}

TEST_CASE("few_tokens_have_a_run_of_columns_for_every_thread_where_one_token_is_worth_it") {
  const auto parts = [](int grid, int threads, std::uint8_t bit = 1) {
    const Layout layout = *Layout::from_bits(std::vector<std::uint8_t>(static_cast<std::size_t>(2 * grid * grid), bit), grid, grid, {32, 32}, 2);
    const CpuPlan plan = choose(layout, {.op = Op::kFprop, .dtype = DType::kFp32}, kMachine);
    return order_by_storage(plan, layout, make_lists(plan, layout), threads).parts.size();
  };
  CHECK(parts(6, 4, 0) == 0);  // no blocks
  CHECK(parts(6, 4) == 2);  // 2 x 36 blocks: 288 kB
  CHECK(parts(40, 1) == 2);
  CHECK(parts(40, 2) == 2);
  CHECK(parts(40, 3) == 4);
  CHECK(parts(40, 8) == 8);
}

TEST_CASE("few_tokens_are_those_whose_sums_are_small_beside_a_block_and_l2") {
  const auto few = [](Op op, Activations activations, BlockShape block, std::int64_t cols) {
    return choose(*Layout::from_bits({1, 1}, 1, 2, block, 1, {block.rows, cols}), {.op = op, .dtype = DType::kFp32, .activations = activations}, kMachine).ordered_tokens();
  };
  CHECK(few(Op::kFprop, Activations::kRow, {8, 8}, 16) == 1);
  CHECK(few(Op::kFprop, Activations::kRow, {64, 16}, 30) == 8);
  CHECK(few(Op::kFprop, Activations::kRow, {128, 16}, 30) == 8);
  CHECK(few(Op::kFprop, Activations::kCol, {64, 16}, 30) == 0);
  CHECK(few(Op::kBprop, Activations::kRow, {64, 16}, 30) == 0);
  CHECK(few(Op::kUpdate, Activations::kRow, {64, 16}, 30) == 0);
  Machine small = kMachine;
  small.l2_bytes = 8 * 3 * 32;  // sums of three tokens of 32 columns, twice
  CHECK(choose(*Layout::from_bits({1, 1}, 1, 2, {64, 16}), {.op = Op::kFprop, .dtype = DType::kFp32}, small).ordered_tokens() == 3);
}

TEST_CASE("tokens_are_split_into_even_groups_of_whole_tiles_and_as_many_for_every_thread") {
  for (const Activations activations : {Activations::kRow, Activations::kCol}) {
    const Layout layout = *Layout::from_bits(std::vector<std::uint8_t>(64 * 64, 1), 64, 64, {32, 32});
    const CpuPlan plan = choose(layout, {.op = Op::kFprop, .dtype = DType::kFp32, .activations = activations}, kMachine);
    const std::int64_t tile = plan.rows_are_tokens() ? plan.tile_rows[0] : plan.width();
    for (const std::int64_t tokens : {1, 13, 64, 512, 1000})
      for (const int threads : {1, 2, 3, 8}) {
        INFO(tokens << " tokens, " << threads << " threads, " << name(activations));
        const std::vector<Range> groups = split_tokens(plan, tokens, threads);
        std::int64_t next = 0, least = tokens, most = 0;
        for (const Range& group : groups) {
          CHECK(group.begin == next);
          CHECK(group.begin % tile == 0);
          CHECK(group.end - group.begin <= plan.group_tokens);
          const std::int64_t tiles = (group.end - group.begin + tile - 1) / tile;
          least = std::min(least, tiles), most = std::max(most, tiles);
          next = group.end;
        }
        CHECK(next == tokens);
        CHECK(most - least <= 1);
        const auto count = static_cast<std::int64_t>(groups.size()), all = (tokens + tile - 1) / tile;
        CHECK((count < threads || count % threads == 0 || count == all));
      }
  }
}

TEST_CASE("a_thread_has_the_scratch_again_that_it_had_before") {
  Scratch scratch;
  const float* mine = nullptr;
  {
    const Scratch::Loan first(scratch, 100);
    mine = first.data();
    std::thread([&] { const Scratch::Loan other(scratch, 100); }).join();
  }
  CHECK(Scratch::Loan(scratch, 100).data() == mine);
  CHECK(Scratch::Loan(scratch, 100).data() == mine);
}

TEST_CASE("a_tile_is_as_wide_as_a_block_where_registers_allow") {
  const auto tile = [](Isa isa, Op op, BlockShape block) {
    Machine machine = kMachine;
    machine.isa = isa;
    const CpuPlan plan = choose(*Layout::from_bits({1, 0, 1, 1}, 2, 2, block), {.op = op, .dtype = DType::kBf16}, machine);
    return std::pair{plan.tile_rows[0], plan.width()};
  };
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx512Bf16}) {
    CHECK(tile(isa, Op::kFprop, {64, 16}) == std::pair{28, 16});
    CHECK(tile(isa, Op::kFprop, {16, 32}) == std::pair{8, 32});
    CHECK(tile(isa, Op::kFprop, {16, 64}) == std::pair{6, 64});
    CHECK(tile(isa, Op::kBprop, {64, 16}) == std::pair{6, 64});
    CHECK(tile(isa, Op::kFprop, {16, 128}) == std::pair{6, 64});
  }
  CHECK(tile(Isa::kAvx2, Op::kFprop, {64, 64}) == std::pair{6, 16});
  CHECK(tile(Isa::kPortable, Op::kFprop, {64, 64}) == std::pair{4, 8});
}

TEST_CASE("a_batch_of_16_is_one_tile_or_equal_ones_where_registers_allow") {
  Machine machine = kMachine;
  machine.isa = Isa::kAvx512;
  const auto variants = [&](int cols) { return choose(*Layout::from_bits({1}, 1, 1, {16, cols}), {.op = Op::kFprop, .dtype = DType::kFp32}, machine).tile_rows; };
  CHECK(variants(16) == std::vector{28, 16, 8, 2, 1});
  CHECK(variants(32) == std::vector{8, 4, 2, 1});
  CHECK(variants(64) == std::vector{6, 4, 2, 1});
}

TEST_CASE("a_segment_of_a_list_leaves_two_thirds_of_l1_to_the_rest_and_is_a_block_at_least") {
  for (const int block : {8, 16, 32, 64, 128})
    for (const DType dtype : {DType::kFp32, DType::kBf16}) {
      const Layout layout = *Layout::from_bits({1, 0, 1, 1}, 2, 2, {block, block});
      const auto segment = [&](Op op, Activations activations) {
        CpuPlan plan = choose(layout, {.op = op, .dtype = dtype, .activations = activations}, kMachine);
        CHECK(padding_of(plan) >= static_cast<std::size_t>(plan.segment_blocks));  // a tile asks for as many blocks behind its segment
        return plan.segment_blocks;
      };
      const int bytes = block * block * size_bytes(dtype);
      CHECK(segment(Op::kFprop, Activations::kRow) == std::max(1, 16384 / bytes));
      CHECK(segment(Op::kBprop, Activations::kRow) == std::max(1, 16384 / bytes));
      CHECK(segment(Op::kFprop, Activations::kCol) == 0);
      CHECK(segment(Op::kUpdate, Activations::kRow) == 0);
    }
  CpuPlan plan = choose(*Layout::from_bits({1}, 1, 1, {32, 32}), {.op = Op::kFprop, .dtype = DType::kFp32}, kMachine);
  for (const int blocks : {-1, 0, 257}) {
    plan.segment_blocks = blocks;
    CHECK(plan.verify() == Status(ErrorCode::kInvalidArgument, fmt::format("cpu plan: segments of {} blocks", blocks)));
  }
}

TEST_CASE("packed_rows_are_an_odd_number_of_lines_apart_and_a_group_fits_half_of_l2") {
  for (const std::int64_t edge : {512, 1000, 2048, 4096})
    for (const Op op : {Op::kFprop, Op::kBprop})
      for (const auto& [dtype, block] : {std::pair{DType::kFp32, 32}, {DType::kFp32, 64}, {DType::kBf16, 32}, {DType::kBf16, 64}}) {
        INFO(edge << " in blocks of " << block);
        Machine machine = kMachine;
        machine.isa = Isa::kAvx512Bf16;
        const std::int64_t grid = (edge + block - 1) / block;
        const Layout layout = *Layout::from_bits(std::vector<std::uint8_t>(static_cast<std::size_t>(grid * grid), 1), grid, grid, {block, block}, 1, {edge, edge});
        const CpuPlan plan = choose(layout, {.op = op, .dtype = dtype}, machine);
        CHECK(plan.pitch % 16 == 0);
        CHECK(plan.pitch / 16 % 2 == 1);
        CHECK(plan.pitch >= plan.steps(edge));
        CHECK((plan.group_tokens == plan.tile_rows[0] || plan.group_tokens * plan.pitch * 4 <= machine.l2_bytes / 2));
        CHECK(plan.tile_rows[0] * plan.vectors + plan.vectors + 1 <= 32);  // sums, the vectors of a step and a broadcast scalar are registers
      }
}

TEST_CASE("plans_of_different_machines_and_arithmetic_do_not_share_code") {
  const Layout layout = *Layout::from_bits({1, 0, 1, 1}, 2, 2, {32, 32});
  const CpuPlan plan = choose(layout, {.op = Op::kFprop, .dtype = DType::kBf16}, kMachine);
  std::set<std::string> keys = {plan.code_key()};
  const auto add = [&](auto change) {
    CpuPlan other = plan;
    change(other);
    CHECK(keys.insert(other.code_key()).second);
  };
  add([](CpuPlan& p) { p.machine.cpu = "sapphirerapids"; });
  add([](CpuPlan& p) { p.machine.features = "+avx2,+fma"; });
  add([](CpuPlan& p) { p.machine.isa = Isa::kAvx512Bf16; });
  add([](CpuPlan& p) { p.pairs = true; });
  add([](CpuPlan& p) { p.tile_rows = {8, 4, 1}; });
  add([](CpuPlan& p) { p.group_tokens *= 2; });
  add([](CpuPlan& p) { p.problem.epilogue = "relu(acc)"; });
}

TEST_CASE("instructions_are_used_where_the_machine_has_all_that_code_for_them_needs") {
  const std::string avx2 = "+avx2,+fma,+f16c", avx512 = avx2 + ",+avx512f,+avx512bw,+avx512dq,+avx512vl";
  CHECK(isa_of("") == Isa::kPortable);
  CHECK(isa_of(avx2) == Isa::kAvx2);
  CHECK(isa_of("+avx2,-fma,+f16c") == Isa::kPortable);
  CHECK(isa_of(avx512) == Isa::kAvx512);
  for (const char* missing : {"+avx512f", "+avx512bw", "+avx512dq", "+avx512vl"}) {
    std::string features = avx512 + ",+avx512bf16";
    features[features.find(missing)] = '-';
    CHECK(isa_of(features) == Isa::kAvx2);
  }
  CHECK(isa_of(avx512 + ",-avx512bf16") == Isa::kAvx512);
  CHECK(isa_of(avx512 + ",+avx512bf16") == Isa::kAvx512Bf16);
}

TEST_CASE("the_epilogue_and_the_output_type_are_spelled_out_in_the_plan") {
  const Layout layout = *Layout::from_bits({1, 0, 1, 1}, 2, 2, {32, 32});
  const CpuPlan plan = choose(layout, {.op = Op::kFprop, .dtype = DType::kTf32, .epilogue = "relu( acc+bias[n] )"}, kMachine);
  CHECK(plan.problem.epilogue == "relu(acc + bias[n])");
  CHECK(plan.problem.out_dtype == DType::kFp32);
}

TEST_CASE("the_lists_hold_every_block_of_an_output_once_in_ascending_order") {
  for (std::uint64_t number = 0; number < 60; ++number) {
    INFO("random_layout(" << number << ")");
    const Layout layout = test::random_layout(number).make();
    for (const Op op : {Op::kFprop, Op::kBprop}) {
      CpuPlan plan;
      plan.problem.op = op;
      plan.block = layout.block();
      const BlockLists lists = make_lists(plan, layout);
      const std::int64_t outputs = op == Op::kFprop ? layout.grid_cols() : layout.grid_rows();
      REQUIRE(static_cast<std::int64_t>(lists.offsets.size()) == layout.heads() * outputs + 1);
      std::set<std::int32_t> seen;
      for (std::int64_t list = 0; list < layout.heads() * outputs; ++list)
        for (std::int64_t i = lists.offsets[list]; i < lists.offsets[list + 1]; ++i) {
          const BlockEntry entry = lists.entries[i];
          const std::int64_t head = list / outputs, out = list % outputs;
          const std::int64_t row = op == Op::kFprop ? entry.inner : out, col = op == Op::kFprop ? out : entry.inner;
          CHECK(layout.block_cols()[entry.value] == col);
          CHECK(layout.row_offsets()[head * layout.grid_rows() + row] <= entry.value);
          CHECK(entry.value < layout.row_offsets()[head * layout.grid_rows() + row + 1]);
          if (i > lists.offsets[list]) CHECK(lists.entries[i - 1].inner < entry.inner);
          CHECK(seen.insert(entry.value).second);
        }
      CHECK(static_cast<std::int64_t>(seen.size()) == layout.num_blocks());
      CHECK(static_cast<std::int64_t>(lists.entries.size()) == layout.num_blocks() + static_cast<std::int64_t>(padding_of(plan)));
    }
  }
}

}  // namespace bsgen::cpu
