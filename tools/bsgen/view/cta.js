// The selected cta: what it computes, which parts of the operands it touches, the entries it walks, and its place in the launch.
const sparseName = op === "update" ? "dW" : op === "bprop" ? "Wᵀ" : "W";
const operandNames = {fprop: ["X", "W", "Y"], bprop: ["dY", "Wᵀ", "dX"], update: ["Xᵀ", "dY", "dW"]}[op];
const outWord = n => outIsRow ? (n === 1 ? "block row" : "block rows") : (n === 1 ? "block column" : "block columns");

function outRange(panel) {
  const last = Math.min(gridOut, panel.out + T.panel) - 1;
  return last === panel.out ? `${outWord(1)} ${panel.out}` : `${outWord(2)} ${panel.out} to ${last}`;
}

function showCta() {
  const panel = panels[selection.panel];
  if (!panel) { $("cta-title").textContent = "No cta"; $("cta-facts").replaceChildren(el("span", {class: "v"}, "The mask is empty: nothing is launched for it.")); return; }
  $("cta-title").textContent = `cta ${number(panel.index)} of ${number(P.num_panels)}` + (op === "update" ? "" : ", per token tile");
  const present = chosenEntries.reduce((sum, entry) => sum + entry.blocks.length, 0);
  const slots = op === "update" ? chosenEntries.length * T.panel : chosenEntries.length * T.panel * pairs;
  const facts = [
    ["computes", op === "update" ? `${plural(present, "block")} of dW in ${outRange(panel)}` : `${number(T.tokens)} tokens × ${outRange(panel)} of ${operandNames[2]}`],
    [op === "update" ? "block rows" : "walks", plural(panel.count, op === "update" ? "gathered row" : "entry", op === "update" ? "gathered rows" : "entries") + (op === "update" ? ", looping over tokens" : `, ${number(panel.count * blockK * pairs)} of ${number(gridK * blockK)} contraction elements`)],
    ["useful", slots ? `${number(present)} of ${number(slots)} block slots (${percent(present / slots)})` : "nothing to multiply: writes " + (model.problem.epilogue ? "epilogue(0)" : "zeros")],
  ];
  if (L.heads > 1) facts.unshift(["head", panel.head]);
  $("cta-facts").replaceChildren(...facts.flatMap(([key, value]) => [el("span", {class: "k"}, key), el("span", {class: "v"}, String(value))]));

  const most = 600;
  $("entries").replaceChildren(...chosenEntries.slice(0, most).map((entry, n) => {
    const label = op === "update" ? `row ${entry.k}` : pairs > 1 ? `k ${entry.k}+${pairs}` : `k ${entry.k}`;
    return el("span", {class: n === selection.entry ? "now" : "", title: entry.blocks.map(i => `(${blockRow[i] % headRows}, ${blockCol[i]}) value block ${i}`).join("\n"), onclick: () => { centreOn(entry); select(selection.panel, n); }},
      label, ...(T.panel > 1 ? [el("em", {}, " ×" + entry.blocks.length)] : []));
  }), ...(chosenEntries.length > most ? [el("span", {}, `and ${number(chosenEntries.length - most)} more`)] : []));
  const now = $("entries").querySelector(".now");
  if (now) $("entries").scrollTop = Math.max(0, now.offsetTop - $("entries").offsetTop - 60);
  $("scrub").value = selection.panel;
  drawMatmul(panel);
}

function centreOn(entry) {
  const canvas = $("mask"), i = entry.blocks[0];
  const px = (blockCol[i] - maskView.x) * maskView.scale, py = (blockRow[i] % headRows - maskView.y) * maskView.scale;
  maskView.head = headOf(i);
  if (px >= 0 && py >= 0 && px < canvas.width && py < canvas.height) return;
  maskView.x = blockCol[i] - canvas.width / maskView.scale / 2; maskView.y = blockRow[i] % headRows - canvas.height / maskView.scale / 2;
}

// The three operands in the classical arrangement: left factor beside the result, right factor above it.
function drawMatmul(panel) {
  const sides = op === "update" ? {m: L.grid_rows, k: 0, n: L.grid_cols} : {m: 0, k: gridK, n: gridOut};
  const unit = Math.max(sides.m, sides.n, sides.k, 1), clampSide = v => Math.max(70, Math.min(170, 170 * v / unit));
  const kSide = sides.k ? clampSide(sides.k) : 110, nSide = clampSide(sides.n), mSide = sides.m ? clampSide(sides.m) : 110;
  const x0 = 60, x1 = x0 + kSide + 26, y0 = 22, y1 = y0 + kSide + 26, width = x1 + nSide + 130, height = y1 + mSide + 26;
  const figure = $("matmul");
  figure.setAttribute("viewBox", `0 0 ${width} ${height}`); figure.style.maxHeight = Math.min(400, height) + "px";
  const box = (x, y, w, h) => svg("rect", {x, y, width: w, height: h, rx: 2, style: "fill:var(--void);stroke:var(--line)"});
  const hot = (x, y, w, h, faint) => svg("rect", {x, y, width: Math.max(1.5, w), height: Math.max(1.5, h), style: `fill:var(--hot);opacity:${faint ? .22 : .95}`});
  const label = (x, y, text, strong, anchor) => { const t = svg("text", {x, y, "text-anchor": anchor || "middle", class: strong ? "strong" : ""}); t.textContent = text; return t; };
  const parts = [box(x0, y1, kSide, mSide), box(x1, y0, nSide, kSide), box(x1, y1, nSide, mSide)];
  const outAt = o => x1 + nSide * o / gridOut, span = Math.min(T.panel, gridOut - panel.out), outWidth = nSide * span / gridOut;
  const chosen = chosenEntries[selection.entry];
  if (op === "update") {
    const rowAt = r => y1 + mSide * r / L.grid_rows, rowHeight = mSide / L.grid_rows;
    parts.push(hot(outAt(panel.out), y0, outWidth, kSide, true));
    for (const entry of chosenEntries.slice(0, 2000)) {
      parts.push(hot(x0, rowAt(entry.k), kSide, rowHeight, entry !== chosen));
      for (const i of entry.blocks) parts.push(hot(outAt(blockCol[i]), rowAt(entry.k), nSide / gridOut, rowHeight));
    }
    parts.push(label(x0 + kSide / 2, y1 + mSide + 16, "tokens →"), label(x0 - 8, y1 + mSide / 2, "K", false, "end"));
  } else {
    const kAt = k => kSide * k / gridK, kStep = kSide * pairs / gridK, tile = mSide * .34;
    parts.push(hot(outAt(panel.out), y0, outWidth, kSide, true), hot(x0, y1, kSide, tile, true));
    for (const entry of chosenEntries.slice(0, 2000)) {
      const dim = chosen && entry !== chosen;
      parts.push(hot(x0 + kAt(entry.k), y1, kStep, tile, dim));
      if (pairs > 1) parts.push(hot(outAt(panel.out), y0 + kAt(entry.k), outWidth, kStep, dim));
      else for (const i of entry.blocks) parts.push(hot(outAt(outOf(i)), y0 + kAt(entry.k), nSide / gridOut, kStep, dim));
    }
    parts.push(hot(outAt(panel.out), y1, outWidth, tile));
    parts.push(label(x0 - 8, y1 + tile / 2 + 4, number(T.tokens) + " tok", false, "end"), label(x0 + kSide / 2, y1 + mSide + 16, "contraction →"));
    parts.push(label(x1 + nSide / 2, y1 + mSide + 16, "output →"));
  }
  parts.push(label(x0 + kSide / 2, y1 - 8, operandNames[0], true), label(x1 + nSide / 2, y0 - 8, operandNames[1], true), label(x1 + nSide + 12, y1 + mSide / 2 + 4, operandNames[2], true, "start"));
  figure.replaceChildren(...parts);
}

function drawWork() {
  const canvas = $("work");
  sizeCanvas(canvas, 110);
  const context = canvas.getContext("2d"), width = canvas.width, height = canvas.height, n = panels.length;
  context.clearRect(0, 0, width, height);
  if (!n) return;
  const dpr = window.devicePixelRatio || 1, bar = width / n, gap = bar > 4 * dpr ? dpr : 0;
  for (let px = 0; px < Math.min(n, width); ++px) {  // at most one bar a pixel, the tallest of those that share it
    const first = n <= width ? px : Math.floor(px * n / width), last = n <= width ? px + 1 : Math.max(first + 1, Math.floor((px + 1) * n / width));
    let tallest = 0;
    for (let p = first; p < last; ++p) tallest = Math.max(tallest, panels[p].count);
    const h = Math.max(dpr, (height - 4 * dpr) * tallest / Math.max(1, mostEntries));
    context.fillStyle = selection.panel >= first && selection.panel < last ? css("--hot") : `rgb(${ramp(.15 + .8 * tallest / Math.max(1, mostEntries))})`;
    context.fillRect(n <= width ? px * bar : px, height - h, Math.max(1, (n <= width ? bar : 1) - gap), h);
  }
  if (n > width / (3 * dpr)) { context.fillStyle = css("--hot"); context.fillRect(Math.max(0, (selection.panel + .5) * width / n - dpr), 0, 2 * dpr, height); }
}

function buildCta() {
  $("scrub").max = Math.max(0, panels.length - 1);
  $("scrub").oninput = event => { stopWalk(); select(Number(event.target.value)); };
  $("cta-prev").onclick = () => { stopWalk(); select(selection.panel - 1); };
  $("cta-next").onclick = () => { stopWalk(); select(selection.panel + 1); };
  $("cta-play").onclick = () => walkTimer ? stopWalk() : startWalk();
  const pick = event => { const box = $("work").getBoundingClientRect(); stopWalk(); select(Math.min(panels.length - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * panels.length)))); };
  $("work").addEventListener("pointerdown", pick);
  $("work").addEventListener("pointermove", event => { if (event.buttons) pick(event); });
  const total = panels.reduce((sum, panel) => sum + panel.count, 0), mean = panels.length ? total / panels.length : 0;
  const unit = op === "update" ? "rows" : "entries";
  $("work-note").textContent = `${plural(P.num_panels, "cta")}${op === "update" ? "" : " for each tile of " + number(T.tokens) + " tokens"}; ${unit} per cta: most ${number(mostEntries)}, mean ${number(mean)}` +
    (mean ? `, so the longest does ${number(mostEntries / mean)} times the mean` : "") + (P.panels_shown < P.num_panels ? `; the first ${number(P.panels_shown)} are shown` : "") + ".";
}

let walkTimer = null;
function startWalk() {
  if (!chosenEntries.length) return;
  let step = selection.entry;
  $("cta-play").textContent = "stop";
  const tick = () => { step = (step + 1) % chosenEntries.length; centreOn(chosenEntries[step]); select(selection.panel, step); };
  walkTimer = setInterval(tick, Math.max(120, Math.min(700, 9000 / chosenEntries.length)));
  tick();
}
function stopWalk() { clearInterval(walkTimer); walkTimer = null; $("cta-play").textContent = "walk"; }
