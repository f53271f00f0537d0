#include "compiler/layout/write_mask.h"
#include "compiler/layout/zip_archive.h"
#include "tests/support/catch.h"
#include "tests/support/mask_bytes.h"

using namespace std::string_literals;
using bsgen::Layout;
using bsgen::MaskOptions;
using bsgen::test::npy;

namespace {

std::string refused(std::string_view name, std::string_view text, const MaskOptions& options = {}) {
  const auto layout = bsgen::test::read(name, text, options);
  CHECK(exit_status(layout.status().code()) == 2);
  return layout.status().message();
}

}  // namespace

TEST_CASE("files_that_are_not_there_or_not_masks") {
  CHECK(bsgen::read_mask("no-such-file.npy", {}).status().message() == "mask: no-such-file.npy: No such file or directory");
  CHECK(bsgen::read_mask("no-such-file", {}).status().message() == "mask: no-such-file: neither a file ending in .txt, .npy, .npz, .mtx, .smtx or .layout nor a generator like random:64x64:density=0.1");
  CHECK(refused("a.jpg", "x") == "mask: a.jpg: the format is not known by its ending; use .txt, .npy, .npz, .mtx, .smtx or .layout");
  CHECK(refused("a.npy", "") == "mask: a.npy: the file is empty");
}

TEST_CASE("text_masks_that_are_malformed") {
  CHECK(refused("a.txt", "101\n1x1\n") == "mask: a.txt line 2: character 2 is \"x\"; blocks are 0 or . (absent), 1 or # (present)");
  CHECK(refused("a.txt", "101\n10\n") == "mask: a.txt line 2: 2 blocks, the first row has 3");
  CHECK(refused("a.txt", "\n\n") == "mask: a.txt: has no rows");
  CHECK(refused("a.txt", "10\n01\n\n11\n") == "mask: a.txt line 4: head 1 has 1 rows, the ones before have 2");
  CHECK(refused("a.txt", "10\n", {.keep = 0.5}) == "mask: a.txt: holds blocks, --keep chooses by elements; leave it out");
  CHECK(refused("a.txt", "10\n", {.keep = 1.5, .elements = true}) == "mask: keep 1.5 is not a fraction of the grid's blocks; give 0 to 1");
  CHECK(refused("a.txt", "10\n\x1b[2J\n") == "mask: a.txt line 2: character 1 is \"\\x1b\"; blocks are 0 or . (absent), 1 or # (present)");
}

TEST_CASE("npy_headers_that_lie") {
  const auto with = [](std::string dictionary, std::string_view data = "\1\0\1\0\1\0"s) {
    return refused("a.npy", npy(std::move(dictionary), data));
  };
  CHECK(refused("a.npy", "PK\3\4") == "mask: a.npy: begins with \"PK\\x03\\x04\", not with \\x93NUMPY");
  CHECK(refused("a.npy", "\x93NUMPY\1") == "mask: a.npy: ends inside the header, at offset 7");
  CHECK(refused("a.npy", "\x93NUMPY\4\0\1\0 "s) == "mask: a.npy: format version 4, 1 to 3 are read");
  CHECK(refused("a.npy", "\x93NUMPY\1\0\xff\xff{'descr'"s) == "mask: a.npy: a header of 65535 bytes, 8 follow and the limit is 65536");
  CHECK(refused("a.npy", "\x93NUMPY\2\0\xff\xff\xff\xff{"s) == "mask: a.npy: a header of 4294967295 bytes, 1 follow and the limit is 65536");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (2, 4), }") == "mask: a.npy: shape (2, 4) of |b1 needs 8 bytes, 6 follow the header");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (2, 2), }") == "mask: a.npy: shape (2, 2) of |b1 needs 4 bytes, 6 follow the header");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (4294967296, 4294967296), }") == "mask: a.npy: shape (4294967296, 4294967296) of |b1 needs more than 2^64 bytes, 6 follow the header");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (-2, -3), }") == "mask: a.npy: header at offset 61: shape holds \"-2\", sizes are integers from 0");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3.0), }") == "mask: a.npy: header at offset 64: shape holds \"3.0\", sizes are integers from 0");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (6,), }") == "mask: a.npy: 1 dimensions, a mask has 2 (rows x cols) or 3 (heads x rows x cols)");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (0, 3), }", "") == "mask: a.npy: shape (0, 3), each side is at least 1");
  CHECK(with("{'descr': '<f2', 'fortran_order': False, 'shape': (1, 3), }") == "mask: a.npy: an array of <f2, a mask is bool or integer; save (array != 0)");
  CHECK(with("{'descr': '|O', 'fortran_order': False, 'shape': (1, 3), }") == "mask: a.npy: header at offset 24: descr \"|O\" is not a plain type like \"|b1\"");
  CHECK(with("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1, 3), }") == "mask: a.npy: header at offset 20: descr is not a plain type like '|b1'; save a bool array");
  CHECK(with("{'descr': '|b1', 'fortran_order': Maybe, 'shape': (2, 3), }") == "mask: a.npy: header at offset 44: fortran_order is neither True nor False");
  CHECK(with("{'descr': '|b1', 'shape': (2, 3), }") == "mask: a.npy: header at offset 45: descr, fortran_order and shape are needed");
  CHECK(with("{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), 'x': 1}") == "mask: a.npy: header at offset 72: key \"x\" is unknown or repeated");
  CHECK(with("import os") == "mask: a.npy: header at offset 10: a dictionary is expected");
}

TEST_CASE("matrix_market_files_that_are_malformed") {
  const auto mtx = [](std::string_view rest, std::string_view banner = "%%MatrixMarket matrix coordinate pattern general") {
    return refused("a.mtx", std::string(banner) + "\n" + std::string(rest));
  };
  CHECK(refused("a.mtx", "4 4 1\n1 1\n") == "mask: a.mtx line 1: \"%%MatrixMarket matrix ...\" is expected, found \"4 4 1\"");
  CHECK(mtx("", "%%MatrixMarket matrix array real general") == "mask: a.mtx line 1: format \"array\" is not read, coordinate is; convert with scipy.io.mmwrite(file, scipy.sparse.coo_matrix(matrix))");
  CHECK(mtx("", "%%MatrixMarket matrix coordinate quaternion general") == "mask: a.mtx line 1: field \"quaternion\" is none of pattern, real, integer, complex");
  CHECK(mtx("", "%%MatrixMarket matrix coordinate real odd") == "mask: a.mtx line 1: symmetry \"odd\" is none of general, symmetric, skew-symmetric, hermitian");
  CHECK(mtx("") == "mask: a.mtx line 1: the file ends before the line \"rows cols entries\"");
  CHECK(mtx("four 4 1\n") == "mask: a.mtx line 2: \"rows cols entries\" is expected, found \"four 4 1\"");
  CHECK(mtx("0 4 0\n") == "mask: a.mtx line 2: 0 x 4 elements, each side is 1 to 2147483648");
  CHECK(mtx("9999999999 4 0\n") == "mask: a.mtx line 2: 9999999999 x 4 elements, each side is 1 to 2147483648");
  CHECK(mtx("4 4 17\n") == "mask: a.mtx line 2: 17 entries, a 4 x 4 matrix has 0 to 16");
  CHECK(mtx("4 4 -1\n") == "mask: a.mtx line 2: -1 entries, a 4 x 4 matrix has 0 to 16");
  CHECK(mtx("4 4 2\n1 1\n") == "mask: a.mtx line 3: the file ends after 1 of 2 entries");
  CHECK(mtx("4 4 1\n1 1\n2 2\n") == "mask: a.mtx line 4: more than the 1 entries announced");
  CHECK(mtx("4 4 1\n0 1\n") == "mask: a.mtx line 3: row \"0\", rows are 1 to 4");
  CHECK(mtx("4 4 1\n1 5\n") == "mask: a.mtx line 3: column \"5\", columns are 1 to 4");
  CHECK(mtx("4 4 1\n1 -5\n") == "mask: a.mtx line 3: column \"-5\", columns are 1 to 4");
  CHECK(mtx("4 4 1\n1 1 1\n") == "mask: a.mtx line 3: \"1\" after the entry's 2 words");
  CHECK(mtx("4 4 2\n3 2\n3 2\n") == "mask: a.mtx: element (3, 2) is given twice; give it once");
  CHECK(mtx("4 4 1\n1 1\n", "%%MatrixMarket matrix coordinate real general") == "mask: a.mtx line 3: value \"\" is not a number");
  CHECK(mtx("4 4 1\n1 1 x\n", "%%MatrixMarket matrix coordinate real general") == "mask: a.mtx line 3: value \"x\" is not a number");
  CHECK(mtx("4 5 0\n", "%%MatrixMarket matrix coordinate pattern symmetric") == "mask: a.mtx line 2: 4 x 5 elements, a symmetric matrix is square");
  CHECK(mtx("4 4 2\n3 2\n2 3\n", "%%MatrixMarket matrix coordinate pattern symmetric") == "mask: a.mtx: element (2, 3) is given twice (symmetry counts); give it once");
  CHECK(mtx("4 4 1\n3 3 1\n", "%%MatrixMarket matrix coordinate real skew-symmetric") == "mask: a.mtx line 3: element (3, 3) is on the diagonal of a skew-symmetric matrix");
  CHECK(mtx("2147483648 2147483648 0\n") == "mask: a.mtx: layout: 67108864 x 67108864 blocks, the limit is 2147483648 in all; use larger blocks");
  CHECK(mtx("1 2147483648 0\n") == "mask: a.mtx: a grid of 1 x 67108864 blocks from 64 bytes, the limit is 1048640 a side; use larger blocks");
  CHECK(mtx("2147483648 1 0\n") == "mask: a.mtx: a grid of 67108864 x 1 blocks from 64 bytes, the limit is 1048640 a side; use larger blocks");
}

TEST_CASE("smtx_files_that_are_malformed") {
  const auto smtx = [](std::string_view text) { return refused("a.smtx", text, {.block = {2, 2}}); };
  CHECK(smtx("2, 4\n0 0 0\n\n") == "mask: a.smtx line 1: \"rows, cols, nonzeros\" is expected, found \"2, 4\"");
  CHECK(smtx("-2, 4, 1\n") == "mask: a.smtx line 1: -2 x 4 elements, each side is 1 to 2147483648");
  CHECK(smtx("2, 4, 9\n") == "mask: a.smtx line 1: 9 nonzeros, a 2 x 4 matrix has 0 to 8");
  CHECK(smtx("2147483649, 4, 1\n") == "mask: a.smtx line 1: 2147483649 x 4 elements, each side is 1 to 2147483648");
  CHECK(smtx("2, 4, 1\n") == "mask: a.smtx line 1: the file ends before the row offsets");
  CHECK(smtx("2, 4, 2\n0 1\n0 1\n") == "mask: a.smtx line 2: 2 row offsets for 2 rows, 3 are needed");
  CHECK(smtx("2, 4, 2\n0 1 2 2\n0 1\n") == "mask: a.smtx line 2: more than 3 row offsets for 2 rows");
  CHECK(smtx("2, 4, 2\n1 1 2\n0 1\n") == "mask: a.smtx line 2: row offset 0 is 1, it must be 0");
  CHECK(smtx("2, 4, 2\n0 2 1\n0 1\n") == "mask: a.smtx line 2: row offset 2 is 1 after 2; offsets ascend to 2");
  CHECK(smtx("2, 4, 2\n0 1 3\n0 1\n") == "mask: a.smtx line 2: row offset 2 is 3 after 1; offsets ascend to 2");
  CHECK(smtx("2, 4, 2\n0 1 1\n0 1\n") == "mask: a.smtx line 2: the last row offset is 1, the header says 2 nonzeros");
  CHECK(smtx("2, 4, 2\n0 1 two\n0 1\n") == "mask: a.smtx line 2: row offset 2 is \"two\", not an integer");
  CHECK(smtx("2, 4, 2\n0 1 2\n") == "mask: a.smtx line 2: the file ends before the column indices");
  CHECK(smtx("2, 4, 2\n0 1 2\n0\n") == "mask: a.smtx line 3: 1 column indices, the header says 2 nonzeros");
  CHECK(smtx("2, 4, 2\n0 1 2\n0 1 2\n") == "mask: a.smtx line 3: more than 2 column indices, the header says 2 nonzeros");
  CHECK(smtx("2, 4, 2\n0 1 2\n0 4\n") == "mask: a.smtx line 3: column index 1 is 4 in row 1, columns are 0 to 3");
  CHECK(smtx("2, 4, 2\n0 1 2\n0 -1\n") == "mask: a.smtx line 3: column index 1 is -1 in row 1, columns are 0 to 3");
  CHECK(smtx("2, 4, 2\n0 1 2\n0 99999999999999999999\n") == "mask: a.smtx line 3: column index 1 is \"99999999999999999999\", not an integer");
  CHECK(smtx("2, 4, 2\n0 2 2\n3 1\n") == "mask: a.smtx line 3: column index 1 is 1 after 3 in row 0; columns ascend without repetition");
  CHECK(smtx("2, 4, 2\n0 2 2\n1 1\n") == "mask: a.smtx line 3: column index 1 is 1 after 1 in row 0; columns ascend without repetition");
  CHECK(smtx("2, 4, 2\n0 1 2\n0 1\nmore\n") == "mask: a.smtx line 4: \"more\" after the third line, the file ends there");
  CHECK(smtx("2147483648, 2147483648, 0\n0\n") == "mask: a.smtx: layout: 1073741824 x 1073741824 blocks, the limit is 2147483648 in all; use larger blocks");
}

TEST_CASE("npz_archives_that_are_malformed") {
  const std::string good = *bsgen::layout::format_mask(*Layout::from_bits({1, 0, 1, 1}, 2, 2, {8, 8}), "a.npz");
  const MaskOptions options{.block = {8, 8}};
  REQUIRE(bsgen::test::read("a.npz", good, options));
  CHECK(refused("a.npz", "PK", options) == "mask: a.npz: zip: 2 bytes are too few for an archive");
  CHECK(refused("a.npz", good.substr(0, good.size() - 1), options) == "mask: a.npz: zip: no end record; the file is cut off or no .npz");
  CHECK(refused("a.npz", good.substr(30), options).starts_with("mask: a.npz: zip: the directory of "));
  CHECK(refused("a.npz", good, {.block = {16, 16}}) == "mask: a.npz: has blocks of 8, 16 was asked for; use --block 8");
  CHECK(refused("a.npz", good, {.block = {8, 8}, .keep = 0.5}) == "mask: a.npz: holds blocks, --keep chooses by elements; leave it out");
  std::string flipped = good;
  flipped[60] ^= 1;  // inside the first member's data
  CHECK(refused("a.npz", flipped, options).starts_with("mask: a.npz: zip: member indices.npy: "));
  // Every member size, offset and count in turn: no crash, and an answer.
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string broken = good;
      broken[at] = value;
      const auto result = bsgen::test::read("a.npz", broken, options);
      if (!result) CHECK(result.status().code() != bsgen::ErrorCode::kInternal);
    }
}

namespace {

// A scipy-like archive of int64 arrays.
std::string archive(std::string_view format, std::vector<std::int64_t> shape, std::vector<std::int64_t> indptr,
                    std::vector<std::int64_t> indices, std::string data_shape, std::size_t data_bytes) {
  const auto array = [](const std::vector<std::int64_t>& values) {
    return npy("{'descr': '<i8', 'fortran_order': False, 'shape': (" + std::to_string(values.size()) + ",)}",
               {reinterpret_cast<const char*>(values.data()), values.size() * 8});
  };
  bsgen::layout::ZipWriter zip;
  zip.add("format.npy", npy("{'descr': '|S3', 'fortran_order': False, 'shape': ()}", format));
  zip.add("shape.npy", array(shape));
  zip.add("indptr.npy", array(indptr));
  zip.add("indices.npy", array(indices));
  zip.add("data.npy", npy("{'descr': '|b1', 'fortran_order': False, 'shape': (" + data_shape + ")}", std::string(data_bytes, '\1')));
  return std::move(zip).finish();
}

}  // namespace

TEST_CASE("npz_matrices_that_contradict_themselves") {
  const auto csr = [](std::vector<std::int64_t> shape, std::vector<std::int64_t> indptr, std::vector<std::int64_t> indices,
                      std::string data_shape = "2,", std::size_t data_bytes = 2) {
    return refused("a.npz", archive("csr", shape, indptr, indices, data_shape, data_bytes), {.block = {2, 2}});
  };
  CHECK(bsgen::test::read("a.npz", archive("csr", {2, 4}, {0, 1, 2}, {3, 0}, "2,", 2), {.block = {2, 2}})->num_blocks() == 2);
  CHECK(csr({2, 4}, {0, 1}, {3, 0}) == "mask: a.npz: indptr.npy has 2 entries for 2 rows, 3 are needed");
  CHECK(csr({2, 4}, {0, 3, 2}, {3, 0}) == "mask: a.npz: indptr.npy entry 1 is 3 after 0; entries ascend to 2");
  CHECK(csr({2, 4}, {1, 1, 2}, {3, 0}) == "mask: a.npz: indptr.npy entry 0 is 1, it must be 0");
  CHECK(csr({2, 4}, {0, 1, 1}, {3, 0}) == "mask: a.npz: indptr.npy ends with 1, there are 2 indices");
  CHECK(csr({2, 4}, {0, 1, 2}, {4, 0}) == "mask: a.npz: indices.npy entry 0 is 4 in row 0, columns are 0 to 3");
  CHECK(csr({2, 4}, {0, 1, 2}, {-1, 0}) == "mask: a.npz: indices.npy entry 0 is -1 in row 0, columns are 0 to 3");
  CHECK(csr({2, 4}, {0, 2, 2}, {1, 1}) == "mask: a.npz: indices.npy entry 1 is 1 after 1 in row 0; call sum_duplicates() before saving");
  CHECK(csr({2, 4}, {0, 1, 2}, {3, 0}, "3,", 3) == "mask: a.npz: data.npy holds 3 entries, indices.npy 2");
  CHECK(csr({2, 4}, {0, 1, 2}, {3, 0}, "3,", 2) == "mask: a.npz data.npy: shape (3) of |b1 needs 3 bytes, 2 follow the header");
  CHECK(csr({0, 4}, {0}, {}) == "mask: a.npz: matrix of 0 x 4 elements, each side is 1 to 2147483648");
  CHECK(csr({2, 4, 4}, {0}, {}) == "mask: a.npz: shape.npy has 3 sizes, a matrix has 2");
  CHECK(csr({4294967296, 4}, {0}, {}) == "mask: a.npz: matrix of 4294967296 x 4 elements, each side is 1 to 2147483648");
  CHECK(refused("a.npz", archive("coo", {2, 4}, {0}, {}, "0,", 0)) == "mask: a.npz: sparse format \"coo\", bsr and csr are read; save matrix.tocsr()");
  CHECK(refused("a.npz", archive("bsr", {4, 4}, {0, 1, 2}, {0, 1}, "2, 2, 3", 12)) == "mask: a.npz: blocks of 2 x 3 do not divide a matrix of 4 x 4");
  CHECK(refused("a.npz", archive("bsr", {4, 4}, {0, 1, 2}, {0, 1}, "2,", 2)) == "mask: a.npz: data.npy has 1 dimensions, bsr data has 3");
  bsgen::layout::ZipWriter empty;
  CHECK(refused("a.npz", std::move(empty).finish()) == "mask: a.npz: has no format.npy; save with scipy.sparse.save_npz");
}

TEST_CASE("a_zip_bomb_is_refused_before_it_inflates") {
  bsgen::layout::ZipWriter zip;
  zip.add("format.npy", npy("{'descr': '|S3', 'fortran_order': False, 'shape': ()}", "csr"));
  const std::string zeros(1 << 20, '\0');
  zip.add("shape.npy", "", zeros, 300);
  const std::string message = refused("a.npz", std::move(zip).finish());
  CHECK(message.starts_with("mask: a.npz: zip: member shape.npy: "));  // how far zeros deflate is zlib's affair
  CHECK(message.ends_with(" bytes inflate to 314572800, the limit is 268435456; save it uncompressed"));
}
