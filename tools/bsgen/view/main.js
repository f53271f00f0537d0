// Headline, pipeline, theme; then every part is built and subscribed to the selection.
function showHeadline() {
  const p = model.problem, names = operandNames;
  $("title").textContent = model.name;
  document.title = model.name + " · bsgen";
  const strong = text => el("b", {}, text), shape = `${number(L.rows)} × ${number(L.cols)}`;
  const meaning = {
    fprop: ["Y = X W", p.epilogue && p.epilogue !== "acc" ? ` with epilogue ${p.epilogue}` : ""], bprop: ["dX = dY Wᵀ", ""], update: ["dW = Xᵀ dY on the mask" + (p.accumulate ? ", added to dW" : ""), ""],
  }[op];
  const cta = op === "update" ? `each cta computes up to ${plural(T.gather, "gathered block row")} × ${plural(T.panel, "block column")} of dW, looping over the tokens`
    : `each cta computes ${number(T.tokens)} tokens × ${plural(T.panel, outWord(1), outWord(2))} of ${names[2]} and skips every absent block`;
  $("sentence").replaceChildren(strong(`${op}: ${meaning[0]}`), `${meaning[1]} in ${p.dtype} for ${model.arch}. W is ${shape}` + (L.heads > 1 ? ` × ${L.heads} heads` : "") + ", of which ", strong(`${number(L.blocks)} blocks of ${L.block_rows} × ${L.block_cols} (${percent(L.density)})`), ` are present; ${cta}.`);
}

function showPipeline() {
  const R = model.report, tierNote = {structural: "index functions, no table", unrolled: "offsets as immediates", constant: "schedule in __constant__", table: "schedule bound as data"}[P.tier];
  const lines = text => text.split("\n").length;
  const stage = (what, value, note, target) => el(target ? "a" : "div", target ? {class: "stage", href: "#" + target} : {class: "stage"}, el("div", {class: "what"}, what), el("div", {class: "value", title: value}, value), el("div", {class: "note", title: note}, note));
  const stages = [
    stage("layout", plural(L.blocks, "block"), `${number(L.grid_rows)} × ${number(L.grid_cols)} grid · ${percent(L.density)}`, "mask-section"),
    stage("plan", P.tier, tierNote, "plan-section"),
    stage("schedule", plural(P.num_panels, op === "update" ? "cta" : "panel"), `most ${number(mostEntries)} ${op === "update" ? "rows" : "entries"}`, "mask-section"),
  ];
  if (model.sources.length) stages.push(stage("cuda", plural(lines(model.sources[0].text), "line"), P.entry, "code-section"));
  stages.push(model.ptx ? stage("ptx", plural(model.ptx.lines, "line"), model.arch, "code-section") : stage("ptx", "none", model.ptx_note || "not compiled", "code-section"));
  stages.push(R && R.assembled ? stage("cubin", bytes(R.code_bytes), `${R.registers} registers · ${R.spill_bytes} B spilled`, "measure-section") : stage("cubin", "none", "not assembled", "measure-section"));
  stages.push(model.run ? stage("run", model.run.passed ? "passed" : "failed", `M = ${number(model.run.tokens)} on ${model.run.device}`, "measure-section") : stage("run", "not run", "view --tokens M", "measure-section"));
  $("pipeline").replaceChildren(...stages);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "☀" : "☾";
  maskLegend(); queueMask(); drawWork();
}

function resize() { fitMask(); drawWork(); queueMask(); }

document.documentElement.dataset.theme = location.hash === "#dark" || (location.hash !== "#light" && matchMedia("(prefers-color-scheme: dark)").matches) ? "dark" : "light";
showHeadline(); showPipeline();
$("mask-lead").textContent = op === "update"
  ? "Each block is a piece of dW that exists. A cta gathers block rows of a panel of block columns; point at a block to see its cta, click to select it."
  : `Each ${outWord(1)} of W belongs to a panel; a cta walks its panel's present blocks in ascending order and never touches an absent one. Point at a block to see its cta, click to select it.`;
buildMaskControls(); listenToMask(); buildCta(); buildPlan(); buildCode();
selection.listeners.push(refreshChosen, showCta, queueMask, drawWork);
refreshChosen(); showCta(); resize(); setTheme(document.documentElement.dataset.theme);
$("theme").onclick = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
new ResizeObserver(() => resize()).observe($("mask").parentElement);
$("foot").textContent = `bsgen ${model.version} · layout ${L.hash}` + (P.entry ? ` · ${P.entry}` : "") + (model.report && model.report.key ? ` · key ${model.report.key}` : "") + " · this page needs no network";
