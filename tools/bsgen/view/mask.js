// The mask on a canvas: every frame draws the visible blocks into a pixel buffer, so 600,000 blocks stay smooth at any zoom.
const maskView = {head: 0, mode: "panels", x: 0, y: 0, scale: 1, fit: 1, hover: -1};

function rgb(text) {  // "#rrggbb"
  const n = parseInt(text.slice(1), 16);
  return [n >> 16, n >> 8 & 255, n & 255];
}
const pack = c => (255 << 24 | c[2] << 16 | c[1] << 8 | c[0]) >>> 0;
const mix = (a, b, t) => a.map((v, i) => Math.round(v + (b[i] - v) * t));

// A ramp that reads the same to every eye: light to dark through one hue family (viridis' ends kept off).
function ramp(t) {
  const stops = document.documentElement.dataset.theme === "dark"
    ? [[44, 62, 110], [45, 120, 150], [70, 180, 150], [190, 222, 110], [253, 231, 37]]
    : [[206, 226, 215], [122, 198, 184], [48, 140, 155], [48, 84, 140], [62, 28, 96]];
  const at = Math.min(0.9999, Math.max(0, t)) * (stops.length - 1), i = Math.floor(at);
  return mix(stops[i], stops[i + 1], at - i);
}
const panelHues = () => document.documentElement.dataset.theme === "dark"
  ? ["#5fb0d8", "#7fd1ae", "#b79be8", "#e3c567", "#e58fb1", "#8fb4ff"] : ["#2f7fa3", "#3b9a76", "#7a5bb8", "#b8902a", "#b5527b", "#4d6fc4"];

function blockColours() {
  const ranked = maskView.mode;
  if (ranked === "order") return i => { const p = panelAt[headOf(i) * gridOut + outOf(i)]; return ramp(1 - (p < 0 ? 1 : p / Math.max(1, panels.length - 1))); };
  if (ranked === "work") return i => { const p = panelAt[headOf(i) * gridOut + outOf(i)]; return ramp(p < 0 ? 0 : panels[p].count / Math.max(1, mostEntries)); };
  if (ranked === "panels") { const hues = panelHues().map(rgb); return i => hues[Math.floor(outOf(i) / Math.max(1, T.panel)) % hues.length]; }
  const plain = rgb(css("--cell"));
  return () => plain;
}

function sizeCanvas(canvas, height) {
  const dpr = window.devicePixelRatio || 1, width = canvas.clientWidth;
  const w = Math.max(1, Math.round(width * dpr)), h = Math.max(1, Math.round(height * dpr));
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.style.height = height + "px"; return true; }
  return false;
}

function fitMask() {
  const canvas = $("mask");
  sizeCanvas(canvas, Math.min(760, Math.max(280, canvas.clientWidth * Math.min(1, Math.max(0.35, L.grid_rows / Math.max(1, L.grid_cols))))));
  const margin = 10 * (window.devicePixelRatio || 1);
  maskView.fit = Math.min((canvas.width - 2 * margin) / Math.max(1, L.grid_cols), (canvas.height - 2 * margin) / Math.max(1, L.grid_rows), 72);
  maskView.scale = maskView.fit;
  maskView.x = (L.grid_cols - canvas.width / maskView.scale) / 2;
  maskView.y = (L.grid_rows - canvas.height / maskView.scale) / 2;
}

// Where blocks are smaller than a pixel, a pixel shows the share of its blocks that are present.
function drawDensity(pixels, width, height, base) {
  const {x, y, scale, head} = maskView, counts = new Uint16Array(width * height);
  const r0 = Math.max(0, Math.floor(y)), r1 = Math.min(L.grid_rows, Math.ceil(y + height / scale));
  // Panels narrower than a pixel would only be noise.
  const plain = rgb(css("--cell")), colours = maskView.mode === "panels" ? () => plain : blockColours(), sample = new Uint32Array(width * height);
  for (let r = r0; r < r1; ++r) {
    const py = Math.floor((r - y) * scale);
    if (py < 0 || py >= height) continue;
    for (let i = rowStart[head * headRows + r]; i < rowStart[head * headRows + r + 1]; ++i) {
      const px = Math.floor((blockCol[i] - x) * scale);
      if (px < 0 || px >= width) continue;
      const at = py * width + px;
      if (counts[at] < 65535) ++counts[at];
      sample[at] = i + 1;
    }
  }
  const cells = 1 / (scale * scale);
  // A power below one keeps a lone block in a sparse region visible; the legend says so.
  for (let at = 0; at < counts.length; ++at)
    if (counts[at]) pixels[at] = pack(mix(base, colours(sample[at] - 1), 0.25 + 0.75 * Math.pow(Math.min(1, counts[at] / cells), 0.45)));
}

function drawBlocks(pixels, width, height) {
  const {x, y, scale, head} = maskView, gap = scale >= 5 ? Math.max(1, Math.round(scale * 0.07)) : 0;
  const colours = blockColours(), chosen = panels[selection.panel], hot = pack(rgb(css("--hot")));
  const r0 = Math.max(0, Math.floor(y)), r1 = Math.min(L.grid_rows, Math.ceil(y + height / scale));
  for (let r = r0; r < r1; ++r) {
    const top = Math.max(0, Math.round((r - y) * scale)), bottom = Math.min(height, Math.max(Math.round((r + 1 - y) * scale) - gap, top + 1));
    let i = rowStart[head * headRows + r];
    const end = rowStart[head * headRows + r + 1], first = Math.floor(x) - 1;
    if (first > 0) { let high = end; while (i < high) { const mid = (i + high) >> 1; if (blockCol[mid] < first) i = mid + 1; else high = mid; } }
    for (; i < end; ++i) {
      const left = Math.round((blockCol[i] - x) * scale), right = Math.min(width, Math.max(Math.round((blockCol[i] + 1 - x) * scale) - gap, left + 1));
      if (left >= width) break;
      if (right <= 0) continue;
      const mine = chosen && chosen.head === head && chosenBlocks.has(i);
      const colour = mine ? hot : pack(colours(i));
      for (let py = top; py < bottom; ++py) pixels.fill(colour, py * width + Math.max(0, left), py * width + right);
    }
  }
}

let chosenBlocks = new Set(), chosenEntries = [];
function refreshChosen() {
  chosenEntries = selection.panel < 0 ? [] : entriesOf(panels[selection.panel]);
  chosenBlocks = new Set(chosenEntries.flatMap(entry => entry.blocks));
}

// A block of the output panel as a rectangle of the grid: {r, c, h, w} in blocks.
function stripOf(panel) {
  const span = Math.min(T.panel, gridOut - panel.out);
  return outIsRow ? {r: panel.out, c: 0, h: span, w: L.grid_cols} : {r: 0, c: panel.out, h: L.grid_rows, w: span};
}

function drawMask() {
  const canvas = $("mask");
  if (!canvas.width || !canvas.height) return;
  const context = canvas.getContext("2d"), {x, y, scale, head} = maskView, width = canvas.width, height = canvas.height;
  const image = context.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
  const void_ = rgb(css("--void")), ground = pack(rgb(css("--card")));
  pixels.fill(pack(void_));
  const left = Math.max(0, Math.round(-x * scale)), right = Math.min(width, Math.round((L.grid_cols - x) * scale));
  const top = Math.max(0, Math.round(-y * scale)), bottom = Math.min(height, Math.round((L.grid_rows - y) * scale));
  if (right > left) for (let py = top; py < bottom; ++py) pixels.fill(ground, py * width + left, py * width + right);
  if (scale < 1) drawDensity(pixels, width, height, rgb(css("--card"))); else drawBlocks(pixels, width, height);
  context.putImageData(image, 0, 0);

  const dpr = window.devicePixelRatio || 1, toX = c => (c - x) * scale, toY = r => (r - y) * scale;
  const clipped = draw => { context.save(); context.beginPath(); context.rect(left, top, Math.max(0, right - left), Math.max(0, bottom - top)); context.clip(); draw(); context.restore(); };
  clipped(() => {
    // Panel borders, once they are far enough apart to help.
    const step = Math.max(1, T.panel), distance = step * scale;
    if (distance >= 7 * dpr) {
      context.strokeStyle = css("--line"); context.lineWidth = Math.min(2, dpr); context.beginPath();
      if (outIsRow) for (let r = 0; r <= L.grid_rows; r += step) { context.moveTo(left, toY(r)); context.lineTo(right, toY(r)); }
      else for (let c = 0; c <= L.grid_cols; c += step) { context.moveTo(toX(c), top); context.lineTo(toX(c), bottom); }
      context.stroke();
    }
    const panel = panels[selection.panel];
    if (panel && panel.head === head) drawChosen(context, panel, toX, toY, dpr);
    if (maskView.hover >= 0 && headOf(maskView.hover) === head && scale >= 3) {
      const i = maskView.hover;
      context.strokeStyle = css("--ink"); context.lineWidth = 2 * dpr;
      context.strokeRect(toX(blockCol[i]), toY(blockRow[i] % headRows), scale, scale);
    }
  });
  context.strokeStyle = css("--faint"); context.lineWidth = 1;
  context.strokeRect(toX(0) - .5, toY(0) - .5, L.grid_cols * scale + 1, L.grid_rows * scale + 1);
}

function drawChosen(context, panel, toX, toY, dpr) {
  const {scale} = maskView, strip = stripOf(panel), hot = css("--hot");
  context.fillStyle = hot; context.globalAlpha = .1;
  context.fillRect(toX(strip.c), toY(strip.r), Math.max(strip.w * scale, 2), Math.max(strip.h * scale, 2));
  context.globalAlpha = 1; context.strokeStyle = hot; context.lineWidth = 1.5 * dpr;
  context.strokeRect(toX(strip.c), toY(strip.r), Math.max(strip.w * scale, 2), Math.max(strip.h * scale, 2));
  if (scale < 1) {
    context.fillStyle = hot;
    for (const i of chosenBlocks) context.fillRect(toX(blockCol[i]) - dpr, toY(blockRow[i] % headRows) - dpr, 2 * dpr, 2 * dpr);
  }
  const entry = chosenEntries[selection.entry];
  if (entry) {
    const at = outIsRow ? [toX(entry.k), toY(strip.r), scale * pairs, strip.h * scale] : [toX(strip.c), toY(entry.k), strip.w * scale, scale * (op === "update" ? 1 : pairs)];
    context.strokeStyle = css("--ink"); context.lineWidth = 3 * dpr; context.strokeRect(...at.map((v, i) => i > 1 ? Math.max(v, 5 * dpr) : v));
  }
  if (scale >= 20 * dpr) {  // the order, as numbers on the blocks
    context.fillStyle = "#fff"; context.font = `600 ${Math.round(Math.min(15 * dpr, scale * .42))}px system-ui, sans-serif`;
    context.textAlign = "center"; context.textBaseline = "middle";
    chosenEntries.forEach((entry, n) => { for (const i of entry.blocks) context.fillText(n + 1, toX(blockCol[i] + .47), toY(blockRow[i] % headRows + .49)); });
  }
}

let maskQueued = false;
function queueMask() {
  if (maskQueued) return;
  maskQueued = true;
  requestAnimationFrame(() => { maskQueued = false; drawMask(); });
}

function zoomMask(factor, px, py) {
  const canvas = $("mask"), next = Math.min(Math.max(maskView.scale * factor, maskView.fit * .5), 160 * (window.devicePixelRatio || 1));
  if (px === undefined) { px = canvas.width / 2; py = canvas.height / 2; }
  maskView.x += px / maskView.scale - px / next; maskView.y += py / maskView.scale - py / next; maskView.scale = next;
  queueMask();
}

function blockUnder(event) {
  const canvas = $("mask"), box = canvas.getBoundingClientRect(), dpr = canvas.width / box.width;
  const col = Math.floor(maskView.x + (event.clientX - box.left) * dpr / maskView.scale), row = Math.floor(maskView.y + (event.clientY - box.top) * dpr / maskView.scale);
  if (row < 0 || col < 0 || row >= L.grid_rows || col >= L.grid_cols) return null;
  return {row, col, block: findBlock(maskView.head, row, col)};
}

function describeBlock(at) {
  const element = `rows ${number(at.row * L.block_rows)} to ${number(Math.min(L.rows, (at.row + 1) * L.block_rows) - 1)}, columns ${number(at.col * L.block_cols)} to ${number(Math.min(L.cols, (at.col + 1) * L.block_cols) - 1)}`;
  const out = panelAt[maskView.head * gridOut + (outIsRow ? at.row : at.col)];
  if (at.block < 0) return `block (${at.row}, ${at.col}): absent\n${element}` + (op !== "update" && out >= 0 ? `\nin the panel of cta ${number(out)}` : "");
  const p = panelOfBlock(at.block);
  let text = `block (${at.row}, ${at.col}): value block ${number(at.block)}\n${element}`;
  if (p >= 0) {
    const step = entriesOf(panels[p]).findIndex(entry => entry.blocks.includes(at.block));
    text += `\ncta ${number(p)} of ${number(P.num_panels)}` + (step >= 0 ? `, entry ${number(step + 1)} of ${number(panels[p].count)}` : "");
  }
  return text;
}

function showTip(event, at) {
  const tip = $("tip"), box = $("mask").getBoundingClientRect();
  tip.hidden = !at;
  if (!at) return;
  tip.textContent = describeBlock(at);
  const x = event.clientX - box.left, y = event.clientY - box.top;
  tip.style.left = Math.max(4, Math.min(x + 16, box.width - tip.offsetWidth - 6)) + "px";
  tip.style.top = (y + 20 + tip.offsetHeight > box.height ? y - tip.offsetHeight - 12 : y + 20) + "px";
}

function listenToMask() {
  const canvas = $("mask");
  let drag = null;
  canvas.addEventListener("wheel", event => {
    // Plain scrolling stays the page's; with a modifier, or once zoomed in, the wheel zooms.
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey && maskView.scale <= maskView.fit * 1.001 && event.deltaY > 0) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect(), dpr = canvas.width / box.width;
    zoomMask(Math.exp(-(event.deltaY || event.deltaX) * .0016), (event.clientX - box.left) * dpr, (event.clientY - box.top) * dpr);
  }, {passive: false});
  canvas.addEventListener("pointerdown", event => { drag = {x: event.clientX, y: event.clientY, moved: false}; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", event => {
    if (drag && (drag.moved || Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > 4)) {
      const dpr = canvas.width / canvas.getBoundingClientRect().width;
      maskView.x -= (event.clientX - drag.x) * dpr / maskView.scale; maskView.y -= (event.clientY - drag.y) * dpr / maskView.scale;
      drag = {x: event.clientX, y: event.clientY, moved: true};
      $("tip").hidden = true; queueMask(); return;
    }
    const at = blockUnder(event);
    maskView.hover = at ? at.block : -1; showTip(event, at); queueMask();
  });
  canvas.addEventListener("pointerup", event => {
    const clicked = drag && !drag.moved; drag = null;
    const at = clicked && blockUnder(event);
    if (!at) return;
    const p = at.block >= 0 ? panelOfBlock(at.block) : panelAt[maskView.head * gridOut + (outIsRow ? at.row : at.col)];
    if (p >= 0) select(p, at.block < 0 ? -1 : entriesOf(panels[p]).findIndex(entry => entry.blocks.includes(at.block)));
  });
  canvas.addEventListener("pointerleave", () => { maskView.hover = -1; $("tip").hidden = true; queueMask(); });
  canvas.addEventListener("dblclick", () => { fitMask(); queueMask(); });
  canvas.addEventListener("keydown", event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (step) { select(selection.panel + step); event.preventDefault(); }
    if (event.key === "+" || event.key === "=") zoomMask(1.5);
    if (event.key === "-") zoomMask(1 / 1.5);
    if (event.key === "0") { fitMask(); queueMask(); }
  });
  $("zoom-in").onclick = () => zoomMask(1.6);
  $("zoom-out").onclick = () => zoomMask(1 / 1.6);
  $("zoom-fit").onclick = () => { fitMask(); queueMask(); };
}

function buildMaskControls() {
  const modes = [["panels", "panel"], ["work", "work"], ["order", "launch order"], ["plain", "present"]];
  $("colours").append(el("span", {class: "name"}, "colour by"), ...modes.map(([mode, label]) => {
    const button = el("button", {type: "button", "aria-pressed": mode === maskView.mode, onclick: () => {
      maskView.mode = mode;
      for (const other of $("colours").querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
      maskLegend(); queueMask();
    }}, label);
    return button;
  }));
  if (L.heads > 1) {
    const choose = el("select", {"aria-label": "head", onchange: event => { maskView.head = Number(event.target.value); queueMask(); }});
    for (let head = 0; head < L.heads; ++head) choose.append(el("option", {value: head}, "head " + head));
    $("heads").append(choose);
  }
}

function maskLegend() {
  const swatch = (colour, text) => el("span", {}, el("i", {style: "background:" + colour}), text);
  const gradient = text => el("span", {}, text[0] + " ", el("i", {class: "ramp", style: "background:linear-gradient(90deg," + [0, .25, .5, .75, 1].map(t => `rgb(${ramp(t)})`).join() + ");margin:0 6px"}), " " + text[1]);
  const parts = {
    panels: () => swatch(panelHues()[0], T.panel > 1 ? `one colour per panel of ${T.panel} ${outIsRow ? "block rows" : "block columns"}` : `one colour per ${outIsRow ? "block row" : "block column"}: its own panel`),
    work: () => gradient(["1 entry", plural(mostEntries, "entry", "entries") + " per cta"]),
    order: () => gradient(["last launched", "first"]),
    plain: () => swatch(css("--cell"), "present block"),
  };
  $("legend").replaceChildren(parts[maskView.mode](), swatch(css("--hot"), "selected cta"),
    el("span", {}, maskView.fit < 1 ? "several blocks share a pixel: shade is density; zoom in to see blocks" : "drag to move, scroll to zoom, click a block to select its cta"));
}
