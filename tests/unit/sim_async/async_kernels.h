// Bodies of micro kernels that use what is asynchronous, with their declarations: run by the tests of this folder, and subjects of the
// mutation suite. All have parameters `in` and `out`.
#pragma once

#include <fmt/format.h>

#include <string>

#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {

// Thread in %r1, buffer in %r2, mbarrier in %r3, rank in the cluster in %r4, `in` in %rd1, `out` in %rd2.
inline std::string async_kernel(const std::string& body, int target = 90) {
  return kernel_text(
      "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, buffer;\nmov.u32 %r3, bar;\nmov.u32 %r4, %cluster_ctarank;\n" + body,
      ".param .u64 in, .param .u64 out", target, ".shared .align 128 .b8 buffer[1024];\n.shared .align 8 .b8 bar[8];");
}
inline const std::string kClusterSync = "barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n";

// A range of 256 bytes comes into shared memory; %p1: not the thread that asked for it.
inline const std::string kBulkLoad =
    "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra W;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\n"
    "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 256;\ncp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 256, [%r3];\n"
    "W:\nbar.sync 0;\nL:\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n";
inline const std::string kThereAndBack =
    kBulkLoad + "@%p1 bra E;\ncp.async.bulk.global.shared::cta.bulk_group [%rd2+64], [%r2+16], 128;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n";
inline const std::string kSharedToShared =
    kBulkLoad + "@%p1 bra Q;\nmbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 64;\n"
                         "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r2+512], [%r2+32], 64, [%r3];\n"
                         "Q:\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 1;\n@!%p2 bra Q;\nsetp.gt.u32 %p3, %r1, 15;\n@%p3 bra E;\n"
                         "mad.lo.u32 %r4, %r1, 4, %r2;\nld.shared.u32 %r5, [%r4+512];\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r5;\nE:\n";

// Each cta writes its rank into its neighbour and reads what its own neighbour wrote, generic addresses on the way back. Clusters of 2.
inline const std::string kExchange =
    std::string("xor.b32 %r5, %r4, 1;\nmad.lo.u32 %r6, %r1, 4, %r2;\nmapa.shared::cluster.u32 %r7, %r6, %r5;\nmad.lo.u32 %r8, %r4, 100, %r1;\n") + kClusterSync +
            "st.shared::cluster.u32 [%r7], %r8;\n" + kClusterSync +
            "ld.shared.u32 %r9, [%r6];\ncvt.u64.u32 %rd5, %r6;\ncvta.shared.u64 %rd6, %rd5;\nmapa.u64 %rd7, %rd6, %r5;\nld.u32 %r10, [%rd7];\ngetctarank.shared::cluster.u32 %r11, %r7;\n" + kClusterSync +
            "mov.u32 %r12, %ctaid.x;\nmad.lo.u32 %r13, %r12, 96, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r9;\nst.global.u32 [%rd2+128], %r10;\nst.global.u32 [%rd2+256], %r11;\n";
// Each cta writes into its neighbour and arrives at its mbarrier. Clusters of 2.
inline const std::string kRemoteArrival =
    std::string("setp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 32;\nfence.mbarrier_init.release.cluster;\nI:\n") +
            "barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.acquire.aligned;\nxor.b32 %r5, %r4, 1;\nmad.lo.u32 %r6, %r1, 4, %r2;\nmapa.shared::cluster.u32 %r7, %r6, %r5;\n"
            "mapa.shared::cluster.u32 %r8, %r3, %r5;\nmad.lo.u32 %r9, %r4, 100, %r1;\nst.shared::cluster.u32 [%r7], %r9;\n"
            "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r8];\nL:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n"
            "ld.shared.u32 %r10, [%r6];\nmad.lo.u32 %r13, %r4, 32, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r10;\n" + kClusterSync;
// Rank 1 copies 64 bytes to ranks 0, 1 and 3; rank 2 copies to itself and 3 at another place. Clusters of 4.
inline const std::string kMulticast =
    std::string("setp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\n") +
            "mov.u32 %r10, 64;\nsetp.eq.u32 %p2, %r4, 3;\nselp.u32 %r10, 128, 64, %p2;\nmbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r3], %r10;\nI:\n" + kClusterSync +
            "@%p1 bra W;\nsetp.eq.u32 %p3, %r4, 1;\nmov.u16 %rs1, 11;\n@%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r2], [%rd1], 64, [%r3], %rs1;\n"
            "setp.eq.u32 %p3, %r4, 2;\nmov.u16 %rs2, 12;\n@%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r2+64], [%rd1+256], 64, [%r3], %rs2;\n"
            "W:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p4, [%r3], 0;\n@!%p4 bra W;\n"
            "setp.eq.u32 %p5, %r4, 2;\nsetp.lt.u32 %p6, %r1, 16;\nmad.lo.u32 %r6, %r1, 4, %r2;\nmov.u32 %r7, 7;\nsetp.eq.u32 %p7, %r4, 3;\n"
            "xor.pred %p8, %p5, %p6;\nor.pred %p8, %p8, %p7;\n@%p8 ld.shared.u32 %r7, [%r6];\nmad.lo.u32 %r13, %r4, 32, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r7;\n" + kClusterSync;
// st.async (100 times the rank more than the thread) and red.async into the neighbour, counted by its mbarrier. Clusters of 2.
inline const std::string kAsyncStore =
    std::string("setp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\nmbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 256;\nI:\n") +
            "mad.lo.u32 %r6, %r1, 4, %r2;\nst.shared.u32 [%r6+256], 5;\nfence.proxy.async.shared::cta;\n" + kClusterSync +
            "xor.b32 %r5, %r4, 1;\nmapa.shared::cluster.u32 %r7, %r6, %r5;\nmapa.shared::cluster.u32 %r8, %r3, %r5;\nmad.lo.u32 %r11, %r4, 100, %r1;\n"
            "st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r7], %r11, [%r8];\nred.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%r7+256], %r1, [%r8];\n"
            "W:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p4, [%r3], 0;\n@!%p4 bra W;\nld.shared.u32 %r9, [%r6];\nld.shared.u32 %r10, [%r6+256];\n"
            "mad.lo.u32 %r13, %r4, 64, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r9;\nst.global.u32 [%rd2+128], %r10;\n" + kClusterSync;

inline constexpr const char* kPipelineStart = "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\n";
// Two producer warps fill two stages, two consumer warps add up what is in them; 12 rounds.
inline std::string pipeline(const std::string& full_arrive = "mbarrier.arrive.release.cta.shared::cta.b64 _, [%r9];\n", const std::string& empty_wait = "") {
  const std::string wait_empty = empty_wait.empty() ? "P:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p2, [%r8], %r7;\n@!%p2 bra P;\n" : empty_wait;
  return std::string(kPipelineStart) +
         "shr.u32 %r2, %r1, 5;\nmov.u32 %r3, bars;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\n"
         "mbarrier.init.shared::cta.b64 [%r3], 64;\nmbarrier.init.shared::cta.b64 [%r3+8], 64;\nmbarrier.init.shared::cta.b64 [%r3+16], 64;\nmbarrier.init.shared::cta.b64 [%r3+24], 64;\n"
         "I:\nbar.sync 0;\nmov.u32 %r4, 0;\nmov.u32 %r20, 0;\nand.b32 %r21, %r1, 63;\nR:\n"
         "and.b32 %r5, %r4, 1;\nshr.u32 %r6, %r4, 1;\nand.b32 %r6, %r6, 1;\nxor.b32 %r7, %r6, 1;\nmad.lo.u32 %r9, %r5, 8, %r3;\nadd.u32 %r8, %r9, 16;\n"
         "mov.u32 %r10, stages;\nmad.lo.u32 %r10, %r5, 256, %r10;\nmad.lo.u32 %r10, %r21, 4, %r10;\n"
         "setp.ge.u32 %p1, %r2, 2;\n@%p1 bra C;\n" + wait_empty +
         "mad.lo.u32 %r11, %r4, 64, %r21;\nst.shared.u32 [%r10], %r11;\n" + full_arrive + "bra N;\n"
         "C:\nQ:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p2, [%r9], %r6, 1000;\n@!%p2 bra Q;\n"
         "xor.b32 %r12, %r10, 252;\nld.shared.u32 %r13, [%r12];\nadd.u32 %r20, %r20, %r13;\nmbarrier.arrive.release.cta.shared::cta.b64 _, [%r8];\n"
         "N:\nadd.u32 %r4, %r4, 1;\nsetp.lt.u32 %p3, %r4, 12;\n@%p3 bra R;\n"
         "mul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r20;\n";
}
inline constexpr const char* kPipelineShared = ".shared .align 256 .b8 stages[512];\n.shared .align 8 .b8 bars[32];";

// 32 threads copy with cp.async and let the copies arrive; with ".noinc" those arrivals are the ones expected, without it they cancel out
// and the threads arrive themselves. 32 others wait and read.
inline std::string copy_arrive(const std::string& form) {
  return std::string(kPipelineStart) + fmt::format(
          "mov.u32 %r3, bars;\nmov.u32 %r4, stages;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], {};\nI:\nbar.sync 0;\n"
          "setp.ge.u32 %p2, %r1, 32;\n@%p2 bra C;\nmul.wide.u32 %rd3, %r1, 8;\nadd.s64 %rd4, %rd1, %rd3;\nmad.lo.u32 %r5, %r1, 8, %r4;\n"
          "cp.async.ca.shared.global [%r5], [%rd4], 8;\ncp.async.mbarrier.arrive{}.shared::cta.b64 [%r3];\n{}bra E;\n"
          "C:\nmbarrier.try_wait.parity.shared::cta.b64 %p3, [%r3], 0;\n@!%p3 bra C;\nsub.u32 %r6, %r1, 32;\nxor.b32 %r6, %r6, 31;\nmad.lo.u32 %r7, %r6, 8, %r4;\n"
          "ld.shared.v2.u32 {{%r8, %r9}}, [%r7];\nmul.wide.u32 %rd5, %r6, 8;\nadd.s64 %rd6, %rd2, %rd5;\nst.global.v2.u32 [%rd6], {{%r8, %r9}};\nE:\n",
          32, form, form == ".noinc" ? "" : "mbarrier.arrive.shared::cta.b64 _, [%r3];\n");
}

}  // namespace bsgen::sim::test
