#include "runtime/bundle/request.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "compiler/epilogue/epilogue.h"
#include "compiler/layout/bits_text.h"

namespace bsgen::runtime {
namespace {

constexpr char kRequestVersion = 1;
constexpr std::size_t kArchAt = 1;             // behind the version
constexpr std::size_t kLongestInlineMask = 1024;  // bytes in a message

// Fixed-width little-endian fields in a fixed order; the epilogue, of any length, is last.
class Writer {
 public:
  explicit Writer(std::size_t epilogue_bytes) { bytes_.reserve(64 + epilogue_bytes); }
  template <class T>
  void put(T value) {
    static_assert(std::endian::native == std::endian::little);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(std::string_view text) { bytes_ += text; }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace

Expected<std::string> request_bytes(const BundleRequest& request) {
  const Problem& problem = request.problem;
  std::string epilogue;
  if (!problem.epilogue.empty()) {
    BSGEN_ASSIGN(const epilogue::Epilogue parsed, epilogue::parse(problem.epilogue));
    if (!parsed.identity()) epilogue = parsed.text();
  }
  Writer out(epilogue.size());
  out.put(kRequestVersion);
  out.put(static_cast<std::int32_t>(request.arch.number));
  out.put(request.arch.suffix);
  out.put(request.layout.high);
  out.put(request.layout.low);
  out.put(problem.op);
  out.put(problem.dtype);
  out.put(problem.output());
  out.put(problem.activations);
  out.put(static_cast<std::int32_t>(problem.align));
  out.put(problem.accumulate);
  out.put(request.options.tier);
  out.put(request.options.plan_tokens);
  out.put(request.options.assume_finite);
  out.put(request.options.batch_invariant);
  out.put(std::string_view(epilogue));
  return out.take();
}

void set_arch(std::string& request_bytes, const Arch& arch) {
  const auto number = static_cast<std::int32_t>(arch.number);
  std::memcpy(request_bytes.data() + kArchAt, &number, sizeof number);
  request_bytes[kArchAt + sizeof number] = arch.suffix;
}

std::string request_options(const Problem& problem, const CompileOptions& options, const Arch& arch) {
  const Problem standard;
  const CompileOptions usual;
  std::string text;
  const auto add = [&text](std::string_view option, std::string_view value) { text += fmt::format("{}{} {}", text.empty() ? "" : " ", option, value); };
  const auto flag = [&text](std::string_view option) { text += fmt::format("{}{}", text.empty() ? "" : " ", option); };
  if (problem.op != standard.op) add("--op", name(problem.op));
  if (problem.dtype != standard.dtype) add("--dtype", name(problem.dtype));
  Problem without = problem;
  without.out_dtype.reset();
  if (problem.output() != without.output()) add("--out-dtype", name(problem.output()));
  if (problem.activations != standard.activations) add("--activations", name(problem.activations));
  if (problem.align != standard.align) add("--align", std::to_string(problem.align));
  if (problem.accumulate) flag("--accumulate");
  if (!problem.epilogue.empty()) add("--epilogue", quote_word(problem.epilogue));
  if (options.tier != usual.tier) add("--tier", name(options.tier));
  if (options.plan_tokens != usual.plan_tokens) add("--plan-tokens", std::to_string(options.plan_tokens));
  if (options.assume_finite) flag("--assume-finite");
  if (options.batch_invariant) flag("--batch-invariant");
  add("--arch", arch.name());
  return text;
}

std::string mask_text(const Layout& layout) {
  const std::int64_t bits = layout.heads() * layout.grid_rows() * layout.grid_cols();
  const std::string text = bits <= static_cast<std::int64_t>(kLongestInlineMask * 4) ? layout::bits_text(layout) : layout.hash().hex() + ".layout";
  std::string options = fmt::format(" --block {}", to_string(layout.block()));
  if (layout.ragged()) options += fmt::format(" --size {}x{}", layout.rows(), layout.cols());
  return text + options;
}

Expected<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool inside = false;
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool blank = c == ' ' || c == '\t' || c == '\r';
    if (!quote && blank) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    if (quote && c == quote) {
      quote = '\0';
    } else if (!quote && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != '\'' && c == '\\') {
      if (++i == line.size()) return Status(ErrorCode::kInvalidArgument, "a backslash ends the line; write \\\\ for one");
      words.back() += line[i];
    } else {
      words.back() += c;
    }
  }
  if (quote) return Status(ErrorCode::kInvalidArgument, fmt::format("a quotation mark {} is not closed", quote));
  return words;
}

std::string quote_word(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'')
      text += "'\\''";
    else
      text += c;
  }
  return text + "'";
}

}  // namespace bsgen::runtime
