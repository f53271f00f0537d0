// CUDA and PTX side by side. A PTX line knows the source lines that it came from (innermost first), through .loc.
const sources = [];  // {name, text, rows: [div]} in tab order; sources[0] is the generated kernel
const ptxRows = [];
let pinned = null;

const words = {
  cuda: /(\/\/[^\n]*|\/\*[^]*?\*\/)|("(?:[^"\\\n]|\\.)*")|(#\s*\w+)|\b(struct|static|constexpr|const|return|int|unsigned|void|template|typename|class|using|namespace|if|else|for|while|auto|bool|float|extern|inline|true|false|asm|volatile|switch|case|default|break|continue|enum|concept|requires|__device__|__global__|__shared__|__constant__|__launch_bounds__|__forceinline__)\b|\b(0x[0-9a-fA-F]+u?|\d[\d.]*(?:e[+-]?\d+)?[fuUlL]*)\b/g,
  ptx: /(\/\/[^\n]*)|("(?:[^"\\\n]|\\.)*")|(^\s*\.\w+)|\b((?:mma|ldmatrix|cp|ld|st|bar|barrier|wgmma|fma|add|sub|mul|mad|setp|bra|mov|cvt|shl|shr|and|or|xor|selp|ret|red|atom|shfl|prmt|lop3|min|max|neg|not|rem|div)(?:\.[\w:]+)*)|\b(0[xfFdD][0-9a-fA-F]+|\d+)\b/g,
};
const kinds = ["com", "str", "fn", "kw", "num"];
function coloured(line, language) {
  const parts = [];
  let at = 0;
  for (const match of line.matchAll(words[language])) {
    if (match.index > at) parts.push(line.slice(at, match.index));
    const kind = kinds[match.slice(1).findIndex(group => group !== undefined)];
    parts.push(el("span", {class: kind}, match[0]));
    at = match.index + match[0].length;
  }
  parts.push(line.slice(at));
  return parts;
}

function codeRows(text, language) {
  return text.split("\n").map((line, n) => el("div", {class: "row"}, el("span", {class: "no"}, n + 1), el("span", {}, ...(line.length > 4000 ? [line.slice(0, 4000) + " …"] : coloured(line, language)))));
}

// places[ptx line] = [[source, line], ...] from the innermost inlined function outwards.
const places = model.ptx ? model.ptx.chain_of_line.map(chain => chain < 0 ? null : model.ptx.chains[chain]) : [];
const linked = new Map();  // "source:line" -> ptx lines
places.forEach((chain, ptxLine) => { for (const [source, line] of chain || []) { const key = source + ":" + line; if (!linked.has(key)) linked.set(key, []); linked.get(key).push(ptxLine); } });

let shownSource = 0;
function showSource(index) {
  shownSource = index;
  const source = sources[index];
  if (!source.rows) {
    source.rows = codeRows(source.text, "cuda");
    source.rows.forEach((row, n) => {
      const lines = linked.get(index + ":" + n);
      if (!lines) return;
      row.classList.add("linked"); row.title = `${lines.length} PTX lines`;
      row.onmouseenter = () => light({source: index, line: n}, false); row.onclick = () => pin({source: index, line: n});
    });
  }
  $("source").replaceChildren(...source.rows); $("source").scrollTop = 0;
  $("tabs").querySelectorAll("button").forEach((button, n) => button.setAttribute("aria-pressed", n === index));
}

let litRows = [];
function lightRows(sourceLines, ptxLines, style) {
  for (const row of litRows) row.classList.remove("on", "pin");
  litRows = [];
  for (const [source, line] of sourceLines) if (sources[source] && sources[source].rows && sources[source].rows[line]) litRows.push(sources[source].rows[line]);
  for (const line of ptxLines) if (ptxRows[line]) litRows.push(ptxRows[line]);
  for (const row of litRows) row.classList.add(style);
}
function scrollTo(row, box) { if (row) box.scrollTop = row.offsetTop - box.clientHeight / 3; }
function light(at, follow) {
  if (pinned && !follow) return;
  const style = follow ? "pin" : "on";
  if (at.ptx !== undefined) {
    const chain = places[at.ptx] || [];
    if (chain.length && follow && !chain.some(([source]) => source === shownSource)) showSource(chain[0][0]);
    lightRows(chain, [at.ptx], style);
    const here = chain.find(([source]) => source === shownSource);
    if (here && follow) scrollTo(sources[shownSource].rows[here[1]], $("source"));
  } else {
    const lines = linked.get(at.source + ":" + at.line) || [];
    lightRows([[at.source, at.line]], lines, style);
    if (follow && lines.length) scrollTo(ptxRows[lines[0]], $("ptx"));
  }
}
function pin(at) {
  const same = pinned && JSON.stringify(pinned) === JSON.stringify(at);
  pinned = null;
  if (same) { lightRows([], [], "on"); return; }
  light(at, true); pinned = at;
}

function buildCode() {
  for (const source of model.sources) sources.push({name: source.name, text: source.text, rows: null});
  if (!sources.length) { $("code-section").hidden = true; return; }
  $("tabs").replaceChildren(...sources.map((source, n) => el("button", {type: "button", title: source.name, onclick: () => showSource(n)}, n === 0 ? source.name : source.name.replace(/^.*\//, ""))));
  showSource(0);
  if (!model.ptx) { $("ptx").replaceChildren(el("div", {class: "empty"}, model.ptx_note || "not compiled")); return; }
  ptxRows.push(...codeRows(model.ptx.text, "ptx"));
  ptxRows.forEach((row, n) => {
    if (!places[n] || !places[n].length) return;
    row.classList.add("linked");
    row.onmouseenter = () => light({ptx: n}, false); row.onclick = () => pin({ptx: n});
  });
  $("ptx").replaceChildren(...ptxRows);
  // How hot each line is: a bar behind its number, and its counts on hovering.
  const heat = model.run ? model.run.heat : [], hottest = Math.max(1e-9, ...heat.map(line => line[1]));
  for (const [line, share, executions, lanes, moved, wavefronts, ideal, waits, asked, flops, kind] of heat) {
    const row = ptxRows[line];
    if (!row) continue;
    row.querySelector(".no").style.boxShadow = `inset ${-Math.round(30 * share / hottest)}px 0 var(--hot-soft)`;
    row.title = `${kind} · ${percent(share)} of the predicted time · ${number(executions)} executions, ${number(lanes)} lanes` + (moved ? ` · ${number(moved / 32)} sectors, ${bytes(moved)} of global memory for ${bytes(asked)}` : "") + (wavefronts ? ` · ${number(wavefronts)} wavefronts, ${number(ideal)} ideal` : "") + (flops ? ` · ${number(flops / 1000)} kFLOP of the tensor core` : "") + (waits ? ` · ${number(waits)} waits` : "");
  }
  // Tables come before what is worth reading first: begin at the parameters, and at the entry.
  scrollTo(ptxRows[model.ptx.text.split("\n").findIndex(line => line.includes(".entry"))], $("ptx"));
  scrollTo(sources[0].rows[sources[0].text.split("\n").findIndex(line => /struct (Params|Schedule)|__global__/.test(line))], $("source"));
  $("ptx-note").textContent = `${number(ptxRows.length)} lines` + (model.ptx.truncated ? " (cut: the whole is compile --emit ptx)" : "");
}
