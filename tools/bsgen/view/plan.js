// Plan: the tile as a picture, shared memory as a ring of stages, reasons, candidates.
const elementBytes = {fp32: 4, tf32: 4, fp16: 2, bf16: 2}[model.problem.dtype];
const tileText = tile => (op === "update" ? `${plural(tile.gather, "block row")} × ${plural(tile.panel, "block column")}` : `${number(tile.tokens)} tokens × ${plural(tile.panel, outWord(1), outWord(2))}`);

function facts(rows) {
  return el("div", {class: "facts"}, ...rows.filter(row => row && row[1] !== undefined && row[1] !== "").flatMap(([key, value]) => [el("span", {class: "k"}, key), el("span", {class: "v"}, String(value))]));
}

// The output tile of one cta, cut into warps, with the operand slices of one stage beside and above it.
function drawTile() {
  const outRows = op === "update" ? Math.max(1, T.gather) * L.block_rows : T.tokens, outCols = op === "update" ? T.panel * L.block_cols : T.panel * blockOut;
  const depth = T.slice * T.slices_per_stage, longest = Math.max(outRows, outCols, 1);
  const size = v => Math.max(34, 190 * v / longest), h = size(outRows), w = size(outCols), d = Math.max(22, Math.min(120, 190 * depth / longest));
  const x = 86 + d + 14, y = 40 + d + 14, width = x + w + 160, height = y + h + 34;
  const figure = svg("svg", {class: "tile-svg", viewBox: `0 0 ${width} ${height}`, style: `width:100%;max-height:${Math.min(380, height)}px`, role: "img", "aria-label": "the tile of one cta"});
  const text = (tx, ty, words, anchor = "middle", strong = false) => { const t = svg("text", {x: tx, y: ty, "text-anchor": anchor, class: strong ? "strong" : ""}); t.textContent = words; figure.append(t); };
  const box = (bx, by, bw, bh, fill, opacity = 1) => figure.append(svg("rect", {x: bx, y: by, width: bw, height: bh, rx: 3, style: `fill:var(${fill});opacity:${opacity}`}));
  box(86, y, d, h, "--cell", .8); box(x, 40, w, d, "--accent", .8); box(x, y, w, h, "--hot", .85);
  for (let m = 0; m < T.warps_m; ++m) for (let n = 0; n < T.warps_n; ++n) {
    const ww = w / T.warps_n, wh = h / T.warps_m;
    figure.append(svg("rect", {x: x + n * ww, y: y + m * wh, width: ww, height: wh, style: "fill:none;stroke:var(--card);stroke-width:1.5"}));
    if (wh > 17 && ww > 26) { const t = svg("text", {x: x + n * ww + ww / 2, y: y + m * wh + wh / 2 + 4, "text-anchor": "middle", style: "fill:#fff"}); t.textContent = ww > 60 ? `warp ${m * T.warps_n + n}` : m * T.warps_n + n; figure.append(t); }
  }
  text(86 + d / 2, y - 8, operandNames[0] + " slice", "middle", true); text(x + w / 2, 30, operandNames[1] + " slice", "middle", true);
  text(78, y + h / 2 + 4, number(outRows) + (op === "update" ? "" : " tok"), "end"); text(86 + d / 2, y + h + 18, number(depth) + (op === "update" ? " tok" : " k"));
  text(x + w / 2, y + h + 18, number(outCols) + (op === "update" ? " cols" : "")); text(x + w + 12, y + h / 2 + 4, operandNames[2] + " tile, in registers", "start", true);
  $("tile-card").append(el("h3", {}, "What one cta holds"), el("div", {class: "beside"}, figure, facts([
    ["tile", tileText(T)], ["threads", `${P.num_threads} in ${T.warps_m} × ${T.warps_n} warps`],
    ["instruction", P.arithmetic.instruction], ["grid", op === "update" ? plural(P.num_panels, "cta") : `${number(P.num_panels)} panels × ⌈M / ${number(T.tokens)}⌉ ctas`]])));
}

// A time line of the loop: what is being loaded while what is being multiplied. Each colour is one buffer in shared memory.
function drawStages() {
  const count = Math.max(1, T.num_stages), steps = 7, w = 50, left = 84, columns = steps + count - 1;
  const width = left + columns * (w + 4) + 6, height = 150, hues = ["--cell", "--accent", "--hot", "--num", "--kw", "--good"];
  const figure = svg("svg", {class: "tile-svg", viewBox: `0 0 ${width} ${height}`, style: "width:100%;max-height:210px;margin:10px 0 4px", role: "img", "aria-label": "loads and tensor-core work overlap in time"});
  const text = (x, y, words, anchor = "middle", style = "") => { const t = svg("text", {x, y, "text-anchor": anchor, style}); t.textContent = words; figure.append(t); };
  const box = (column, y, step) => {
    const x = left + column * (w + 4);
    figure.append(svg("rect", {x, y, width: w, height: 34, rx: 4, style: `fill:var(${hues[step % count % hues.length]});opacity:.88`}));
    text(x + w / 2, y + 21, step + 1, "middle", "fill:#fff;font-weight:600");
  };
  for (let step = 0; step < steps; ++step) { box(step, 22, step); box(step + count - 1, 76, step); }
  text(left - 10, 43, model.cp_async ? "cp.async" : "load", "end"); text(left - 10, 97, P.arithmetic.instruction.startsWith("mma") ? "mma.sync" : "fma", "end");
  text(left, 138, "time →  a number is a step, a colour is one of the " + count + " buffers in shared memory", "start");
  const share = P.max_shared_bytes ? P.shared_bytes / P.max_shared_bytes : 0;
  $("stage-card").append(el("h3", {}, "How data flows in"), figure,
    el("div", {class: "gauge"}, el("i", {style: `width:${Math.min(100, 100 * share)}%`})),
    facts([["shared memory", `${bytes(P.shared_bytes)} per cta, ${model.arch} allows ${bytes(P.max_shared_bytes)}`], ["one step", `${plural(T.slices_per_stage, "slice")} of ${T.slice} ${op === "update" ? "tokens" : "contraction elements"}, about ${bytes(P.shared_bytes / count)}`], ["ctas per SM", P.shared_bytes ? `at most ${Math.max(1, Math.floor(P.max_shared_bytes_per_sm / (P.shared_bytes + 1024)))} by shared memory` : ""]]));
}

function showArithmetic() {
  const a = P.arithmetic;
  $("arithmetic").replaceWith(facts([["one step", `${a.instruction}: ${a.k_step} contraction elements`], ["sums", `each output block adds its own blocks in ascending order, whatever the tile`],
    ["promotion", a.promote_every ? `the tensor-core sum joins the fp32 sum every ${number(a.promote_every)} contraction elements` : "one fp32 sum, never split"],
    ["tiers", "structural, unrolled, constant and table give the same bits"], ["structure", P.structure], ["layout class", P.layout_class]]));
}

let sortKey = "predicted_us", sortUp = true;
function showCandidates() {
  const columns = [["tile", c => tileText(c.tile)], ["warps", c => `${c.tile.warps_m} × ${c.tile.warps_n}`], ["slice", c => c.tile.slice * c.tile.slices_per_stage, true], ["stages", c => c.tile.num_stages, true], ["tier", c => c.tier],
    ["shared", c => c.shared_bytes, true, bytes], ["registers", c => c.estimated_registers, true], ["predicted_us", c => c.predicted_us, true, v => v.toFixed(1) + " µs"], ["bound", c => c.bound], ["compile_ms", c => c.compile_ms, true, v => v > 0 ? Math.round(v) + " ms" : ""], ["verdict", c => c.verdict]];
  const names = {predicted_us: "predicted time", compile_ms: "predicted compile", registers: "registers (est.)"}, of = columns.find(column => column[0] === sortKey)[1];
  const rows = [...P.candidates].sort((a, b) => { const u = of(a), v = of(b); return (u < v ? -1 : u > v ? 1 : 0) * (sortUp ? 1 : -1); });
  const slowest = Math.max(...P.candidates.map(c => c.predicted_us), 1e-9);
  $("candidates").replaceChildren(
    el("thead", {}, el("tr", {}, ...columns.map(([key, , numeric]) => el("th", {class: numeric ? "n" : "", onclick: () => { sortUp = sortKey === key ? !sortUp : true; sortKey = key; showCandidates(); }}, (names[key] || key) + (sortKey === key ? (sortUp ? " ↑" : " ↓") : ""))))),
    el("tbody", {}, ...rows.map(c => el("tr", {class: c.verdict === "chosen" ? "chosen" : ""}, ...columns.map(([key, value, numeric, show]) => {
      const cell = el("td", {class: (numeric ? "n " : "") + (key === "verdict" ? "verdict" : "")}, String(show ? show(value(c)) : value(c)));
      if (key === "predicted_us") cell.append(el("span", {class: "time", style: `width:${Math.max(2, 70 * c.predicted_us / slowest)}px`}));
      return cell;
    })))));
  if (!rows.length) $("candidates").replaceChildren(el("caption", {class: "empty"}, "The plan came from a file; candidates are not part of its text."));
}

function measure(what, value, unit, note, share, warn) {
  return el("div", {class: "measure"}, el("div", {class: "what"}, what), el("div", {class: "value"}, value, unit ? el("small", {}, " " + unit) : null),
    share === undefined ? null : el("div", {class: "gauge"}, el("i", {class: warn ? "warn" : "", style: `width:${Math.max(0, Math.min(100, 100 * share))}%`})), el("div", {class: "note"}, note || ""));
}

function showMeasures() {
  const cards = [], R = model.report, run = model.run;
  if (run) {
    const c = run.counters;
    cards.push(measure(`Agrees with a float64 reference, M = ${number(run.tokens)}`, el("span", {class: run.passed ? "good" : "bad"}, run.passed ? "passed" : "failed"), "", run.passed ? `largest error ${number(run.worst_error)} of its bound, at ${run.worst_at}` : run.reason, Math.min(1, run.worst_error), !run.passed));
    cards.push(measure("Global memory read", bytes(c.global_read_bytes), "", `${number(run.totals.global_read_sectors)} sectors; reading each needed operand and writing the output once is ${bytes(c.floor_bytes)}; written ${bytes(c.global_write_bytes)}`, c.floor_bytes / Math.max(1, c.global_read_bytes + c.global_write_bytes)));
    if (c.mma_flops_issued) cards.push(measure("Useful tensor-core work", percent(c.mma_flops_useful / c.mma_flops_issued), "", `${number(c.mma_flops_useful / 1e6)} of ${number(c.mma_flops_issued / 1e6)} MFLOP issued`, c.mma_flops_useful / c.mma_flops_issued));
    cards.push(measure("Useful work per byte read", number(c.mma_flops_useful / Math.max(1, c.global_read_bytes)), "FLOP/B", "useful FLOP over global bytes read"));
    cards.push(measure("Shared-memory wavefronts", number(c.shared_wavefronts), "", `ideal ${number(c.shared_wavefronts_ideal)}: ${c.shared_wavefronts === c.shared_wavefronts_ideal ? "no bank conflict" : percent(c.shared_wavefronts / Math.max(1, c.shared_wavefronts_ideal) - 1) + " over it"}`, c.shared_wavefronts_ideal / Math.max(1, c.shared_wavefronts), c.shared_wavefronts !== c.shared_wavefronts_ideal));
    const t = run.totals, classes = Object.entries(t.classes);
    cards.push(measure("Warp instructions", number(c.warp_instructions), "", `${number(t.active_lanes / Math.max(1, c.warp_instructions))} of 32 lanes active, ${number(t.waits)} waited: ` + classes.map(([kind, n]) => `${kind} ${percent(n / Math.max(1, c.warp_instructions))}`).join(" · "), t.active_lanes / Math.max(1, 32 * c.warp_instructions)));
    const time = run.prediction, o = run.occupancy;
    if (time.bound) cards.push(measure("Predicted time, not measured", `≥ ${number(time.predicted_us)}`, `µs on ${time.gpu}`, `bound by ${time.bound}, ${percent(time.roofline_fraction)} of the roofline: ` + time.resources.map(r => `${r.name} ${number(r.predicted_us)}${r.rate_confirmed ? "" : " (rate unconfirmed)"}`).join(" · "), time.roofline_fraction));
    cards.push(measure("Ctas per SM", number(o.ctas_per_sm), `${number(o.warps_per_sm)} of ${number(o.max_warps_per_sm)} warps`, `limited by ${o.limit}` + (o.registers === null ? "; registers unknown" : ""), o.warps_per_sm / Math.max(1, o.max_warps_per_sm)));
  }
  if (R) {
    if (R.assembled) {
      cards.push(measure("Registers", number(R.registers), "per thread", "255 is the most a thread may have", R.registers / 255, R.registers > 240));
      cards.push(measure("Spill and local memory", `${number(R.spill_bytes)} + ${number(R.local_bytes)}`, "bytes", R.spill_bytes + R.local_bytes ? "memory traffic that the plan did not mean" : "everything stays in registers", undefined));
      cards.push(measure("Code", bytes(R.code_bytes), "", "machine code of the entry"));
    }
    const times = [["plan", R.plan_ms], ["CUDA", R.codegen_ms], ["NVRTC", R.nvrtc_ms], ["assembly", R.assemble_ms]], total = times.reduce((sum, t) => sum + t[1], 0);
    cards.push(measure("Ready after", number(total), "ms", times.map(([what, ms]) => `${what} ${number(ms)}`).join(" · ") + (R.source === "compiled" ? "" : ` (the image came from the ${R.source} cache)`)));
  }
  if (!cards.length) cards.push(el("div", {class: "measure"}, el("div", {class: "note"}, model.report_note || "Nothing was compiled or run.")));
  $("measures").replaceChildren(...cards);
  $("diagnostics").replaceChildren(...(run ? run.diagnostics : []).map(d => el("div", {class: "diagnostic " + d.severity, title: "show the PTX line", onclick: () => pin({ptx: d.ptx_line - 1})}, `${d.severity}: ${d.message}` + (d.count > 1 ? ` (${number(d.count)} times)` : ""))));
  if (!run) $("measures").append(measure("Counters", "not run", "", "bsgen view --tokens M executes the kernel on the simulated device first"));
}

function buildPlan() {
  drawTile(); drawStages(); showArithmetic(); showCandidates();
  $("reasons").replaceChildren(...P.reasons.map(reason => el("li", {}, reason)));
  showMeasures();
}
