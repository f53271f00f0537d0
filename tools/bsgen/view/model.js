// The model that bsgen embedded, decoded: rows (BSR order), columns, and the panels of the schedule in launch order.
const model = JSON.parse(document.getElementById("model").textContent);
const $ = id => document.getElementById(id);

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "class") node.className = value; else if (key.startsWith("on")) node[key] = value; else node.setAttribute(key, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}
function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const number = n => Number(n).toLocaleString("en-US", {maximumFractionDigits: 2});
const percent = f => (100 * f).toLocaleString("en-US", {maximumFractionDigits: f < 0.1 ? 2 : 1}) + "%";
function bytes(n) {
  if (n < 10240) return number(Math.round(n)) + " B";
  if (n < 10 * 1048576) return number(Math.round(n / 102.4) / 10) + " KiB";
  return number(Math.round(n / 104857.6) / 10) + " MiB";
}
const plural = (n, one, many) => number(n) + " " + (n === 1 ? one : many || one + "s");

// LEB128 numbers in base64.
class Varints {
  constructor(base64) {
    const text = atob(base64);
    this.data = new Uint8Array(text.length);
    for (let i = 0; i < text.length; ++i) this.data[i] = text.charCodeAt(i);
    this.at = 0;
  }
  next() {
    let value = 0, scale = 1, byte;
    do { byte = this.data[this.at++]; value += (byte & 127) * scale; scale *= 128; } while (byte & 128);
    return value;
  }
  signed() { const v = this.next(); return v % 2 ? -(v + 1) / 2 : v / 2; }
}

const L = model.layout, P = model.plan, T = P.tile, op = model.problem.op;
const headRows = L.grid_rows, allRows = L.heads * L.grid_rows;
const rowStart = new Uint32Array(allRows + 1), blockCol = new Uint32Array(L.blocks), blockRow = new Uint32Array(L.blocks);
{
  const coded = new Varints(L.coded);
  for (let row = 0, i = 0; row < allRows; ++row) {
    rowStart[row] = i;
    const count = coded.next();
    for (let n = 0, col = -1; n < count; ++n, ++i) { col += 1 + coded.next(); blockCol[i] = col; blockRow[i] = row; }
    rowStart[row + 1] = i;
  }
}
// Columns of each head: the blocks of column c of head h are colBlocks[colStart[h * grid_cols + c] ...], rows ascending.
const colStart = new Uint32Array(L.heads * L.grid_cols + 1), colBlocks = new Uint32Array(L.blocks);
{
  const columnOf = i => Math.floor(blockRow[i] / headRows) * L.grid_cols + blockCol[i];
  for (let i = 0; i < L.blocks; ++i) ++colStart[columnOf(i) + 1];
  for (let c = 0; c < colStart.length - 1; ++c) colStart[c + 1] += colStart[c];
  const next = colStart.slice();
  for (let i = 0; i < L.blocks; ++i) colBlocks[next[columnOf(i)]++] = i;
}
function findBlock(head, row, col) {
  let low = rowStart[head * headRows + row], high = rowStart[head * headRows + row + 1];
  const end = high;
  while (low < high) { const mid = (low + high) >> 1; if (blockCol[mid] < col) low = mid + 1; else high = mid; }
  return low < end && blockCol[low] === col ? low : -1;
}

// Output blocks are block columns, for bprop block rows. Everything below says "out" and "k" (the contraction; for update the gathered rows).
const outIsRow = op === "bprop";
const gridOut = outIsRow ? L.grid_rows : L.grid_cols, gridK = outIsRow ? L.grid_cols : L.grid_rows;
const blockOut = outIsRow ? L.block_rows : L.block_cols, blockK = outIsRow ? L.block_cols : L.block_rows;
const pairs = P.blocks_per_entry;  // contraction blocks that share one entry: 2 where 8-wide blocks are paired

const panels = [];
{
  const coded = new Varints(P.panels_coded);
  for (let n = 0, key = 0; n < P.panels_shown; ++n) {
    key += coded.signed();
    panels.push({index: n, head: Math.floor(key / gridOut), out: key % gridOut, count: coded.next(), part: coded.next()});
  }
}
// Which panel computes a block: panelAt[head * gridOut + out] is the first of its panels; update may have several, one per part.
const panelAt = new Int32Array(L.heads * gridOut).fill(-1);
const panelParts = new Map();
for (const panel of panels)
  for (let o = panel.out; o < Math.min(gridOut, panel.out + T.panel); ++o) {
    const key = panel.head * gridOut + o;
    if (panelAt[key] < 0 || panel.part === 0) panelAt[key] = panel.index;
    if (op === "update") { if (!panelParts.has(key)) panelParts.set(key, []); panelParts.get(key)[panel.part] = panel.index; }
  }

// Blocks of output block `out`, in ascending order of the contraction.
function* blocksOfOut(head, out) {
  if (outIsRow) for (let i = rowStart[head * headRows + out]; i < rowStart[head * headRows + out + 1]; ++i) yield i;
  else for (let n = colStart[head * gridOut + out]; n < colStart[head * gridOut + out + 1]; ++n) yield colBlocks[n];
}
const kOf = i => outIsRow ? blockCol[i] : blockRow[i] % headRows;
const outOf = i => outIsRow ? blockRow[i] % headRows : blockCol[i];
const headOf = i => Math.floor(blockRow[i] / headRows);

// The entries of a panel in the order the cta takes them: {k, blocks: present block indexes}. bsgen has checked, when it wrote this page,
// that the schedule it derived from the plan has the same ones.
function entriesOf(panel) {
  const byK = new Map();
  for (let o = panel.out; o < Math.min(gridOut, panel.out + T.panel); ++o)
    for (const i of blocksOfOut(panel.head, o)) {
      const k = op === "update" ? kOf(i) : Math.floor(kOf(i) / pairs) * pairs;
      if (!byK.has(k)) byK.set(k, []);
      byK.get(k).push(i);
    }
  let ks = [...byK.keys()].sort((a, b) => a - b);
  if (op === "update" && T.gather > 0) ks = ks.slice(panel.part * T.gather, panel.part * T.gather + panel.count);
  return ks.map(k => ({k, blocks: byK.get(k)}));
}
function panelOfBlock(i) {
  const key = headOf(i) * gridOut + outOf(i);
  const first = panelAt[key];
  if (first < 0 || op !== "update" || !(T.gather > 0)) return first;
  // update: the part whose rows hold this block's row
  const rows = entriesOf({...panels[first], part: 0, count: Infinity}).map(entry => entry.k);
  const part = Math.floor(rows.indexOf(kOf(i)) / T.gather);
  return panelParts.get(key)[part] ?? first;
}

const mostEntries = panels.reduce((most, panel) => Math.max(most, panel.count), 0);
const tokensTiles = M => Math.ceil(M / Math.max(1, T.tokens));

// One thing is looked at everywhere: a cta (panel), perhaps one of its entries. Whoever shows it subscribes.
const selection = {panel: panels.length ? 0 : -1, entry: -1, listeners: []};
function select(panel, entry = -1) {
  if (panel < 0 || panel >= panels.length) return;
  selection.panel = panel; selection.entry = entry;
  for (const listener of selection.listeners) listener();
}
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
