"use strict";
/* The report: decisions are kept in this browser, one entry each, and leave it as corrections.csv. */

const COLUMNS = ["file", "page", "form", "field", "sha256", "place", "state", "value", "shown", "who", "when"];
const ROW = 56;
const STATES = { value: "typed", blank: "blank", unreadable: "unreadable", open: "open" };
const part = (name) => document.querySelector("[data-" + name + "]");
const data = (id) => document.getElementById(id);

const items = JSON.parse(data("items").textContent);
const chunk = Number(data("items").dataset.chunk);
const rules = JSON.parse(data("rules").textContent);
for (const item of items) item.rules = rules[item.rules];
const names = items.map((item) => ["digitscan", item.sha256, item.page, item.form, item.field, item.box].join(" "));
const decisions = new Map();
const withdrawn = new Map();
const skipped = new Set();
const chunks = new Map();
let order = items.map((_, i) => i);
let at = 0;
let kept = true;
let taken = true;

/* Decisions. */

function recall() {
  const wanted = new Map(names.map((name, i) => [name, i]));
  try {
    for (let n = 0; n < localStorage.length; n++) {
      const i = wanted.get(localStorage.key(n));
      if (i === undefined) continue;
      const decision = JSON.parse(localStorage.getItem(names[i]));
      if (!decision || !(decision.state in STATES) || !/^[0-9]*$/.test(decision.value)) continue;
      (decision.state === "open" ? withdrawn : decisions).set(i, decision);
    }
    part("who").value = localStorage.getItem("digitscan who") || "";
  } catch {
    notKept();
  }
}

function keep(i) {
  try {
    localStorage.setItem(names[i], JSON.stringify(decisions.get(i) || withdrawn.get(i)));
  } catch {
    notKept();
  }
}

function notKept() {
  kept = false;
  part("not-kept").hidden = false;
}

/* When the last decision was taken: the next one's time is later, so that undo knows their order. */
function latest() {
  let found = null;
  for (const [i, decision] of decisions) {
    if (found === null || decision.at > decisions.get(found).at) found = i;
  }
  return found;
}

let clock = 0;
function now() {
  clock = Math.max(Date.now(), clock + 1);
  return clock;
}

function decide(state, value) {
  const i = order[at];
  const before = decisions.get(i);
  const who = part("who").value.trim();
  decisions.set(i, { state, value, who, at: now(), before: before ? { ...before, before: undefined } : undefined });
  withdrawn.delete(i);
  skipped.delete(i);
  taken = false;
  keep(i);
  advance();
}

/* What was undone may have been handed in before: the next corrections.csv says, as of now, what holds instead. */
function undo() {
  const i = latest();
  if (i === null) return screen.hint("There is nothing to undo.");
  const { who, before } = decisions.get(i);
  if (before) {
    decisions.set(i, { ...before, again: now() });
  } else {
    decisions.delete(i);
    withdrawn.set(i, { state: "open", value: "", who, at: now() });
  }
  taken = false;
  keep(i);
  go(order.indexOf(i));
  return undefined;
}

function skip() {
  skipped.add(order[at]);
  advance();
}

const open = (i) => !decisions.has(i) && !skipped.has(i);

/* On to the next open field, from the start again after the last; skipped ones come last. */
function advance() {
  for (const wanted of [open, (i) => !decisions.has(i)]) {
    for (let step = 1; step <= order.length; step++) {
      const next = (at + step) % order.length;
      if (wanted(order[next]) && (step < order.length || wanted === open)) return go(next);
    }
  }
  if (decisions.size < order.length) {
    screen.hint("This is the only field that is left.");
    return progress();
  }
  progress();
  return showDone();
}

/* Pictures: base64 in chunks of lines, taken apart when one of them is first needed. */

function jpeg(base64) {
  return base64 ? "data:image/jpeg;base64," + base64 : "";
}

function view(item) {
  const n = Math.floor(item.id / chunk);
  if (!chunks.has(n)) chunks.set(n, data("views-" + n).textContent.trim().split("\n"));
  const line = chunks.get(n)[item.id % chunk];
  return line === "-" ? "" : jpeg(line);
}

function pageView(item) {
  const page = data("page-" + item.pageId);
  return page ? jpeg(page.textContent.trim()) : "";
}

/* The list: only the rows in sight are there. */

const list = part("list");
const rows = new Map();

function sign(i) {
  const decision = decisions.get(i);
  if (!decision) return skipped.has(i) ? SIGNS.skipped : SIGNS.open;
  return SIGNS[decision.state];
}

function told(i) {
  const decision = decisions.get(i);
  if (!decision) return skipped.has(i) ? "skipped" : "open";
  if (decision.state !== "value") return decision.state;
  return decision.value === items[i].value && !items[i].raw.includes("?") ? "right" : "typed";
}

function row(place) {
  const i = order[place];
  const item = items[i];
  const made = document.createElement("div");
  made.className = "row";
  made.style.top = place * ROW + "px";
  const mark = document.createElement("span");
  mark.className = "sign";
  const thumb = document.createElement("span");
  thumb.className = "thumb";
  const address = view(item);
  if (address) {
    const image = document.createElement("img");
    image.src = address;
    image.alt = "";
    thumb.append(image);
  }
  const text = document.createElement("span");
  const name = document.createElement("div");
  name.className = "name";
  name.textContent = item.field;
  const read = document.createElement("div");
  text.append(name, read);
  made.append(mark, thumb, text);
  made.addEventListener("click", () => go(place));
  list.append(made);
  return { made, mark, read, i };
}

function fill(drawn, place) {
  const { made, mark, read, i } = drawn;
  const decision = decisions.get(i);
  const value = decision && decision.state === "value" ? decision.value : items[i].raw;
  const said = [sign(i), value, told(i), place === at].join(" ");
  if (drawn.said === said) return;
  drawn.said = said;
  mark.textContent = sign(i);
  const digits = document.createElement("span");
  digits.className = "read";
  digits.textContent = value;
  const how = document.createElement("span");
  how.className = "soft";
  how.textContent = " " + told(i);
  read.replaceChildren(digits, how);
  made.setAttribute("aria-current", String(place === at));
}

function draw() {
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 2);
  const last = Math.min(order.length - 1, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 2);
  for (const [place, drawn] of rows) {
    if (place < first || place > last) {
      drawn.made.remove();
      rows.delete(place);
    }
  }
  for (let place = first; place <= last; place++) {
    if (!rows.has(place)) rows.set(place, row(place));
    fill(rows.get(place), place);
  }
}

list.addEventListener("scroll", () => requestAnimationFrame(draw));
addEventListener("resize", draw);

function drawAnew() {
  for (const { made } of rows.values()) made.remove();
  rows.clear();
  draw();
}

/* Moving about. */

function go(place) {
  at = Math.max(0, Math.min(order.length - 1, place));
  part("done").hidden = true;
  part("work").hidden = false;
  const i = order[at];
  const decision = decisions.get(i);
  const said = decision ? SIGNS[decision.state] + " " + told(i) + (decision.value ? ": " + decision.value : "") : "";
  screen.show(items[i], said || (skipped.has(i) ? "» skipped" : ""));
  const top = at * ROW;
  if (top < list.scrollTop + ROW || top > list.scrollTop + list.clientHeight - 3 * ROW) {
    list.scrollTop = top - list.clientHeight / 3;
  }
  draw();
  progress();
}

function progress() {
  const left = items.length - decisions.size;
  part("progress").value = decisions.size;
  part("count").textContent = decisions.size + " of " + items.length + " settled";
  part("download").disabled = decisions.size + withdrawn.size === 0;
  part("start").textContent = left === 0 ? "Look at them again" : decisions.size ? "Go on" : "Start";
}

function review() {
  part("overview").hidden = true;
  part("done").hidden = true;
  const next = order.findIndex(open);
  go(next === -1 ? at : next);
}

function leave() {
  part("work").hidden = true;
  part("done").hidden = true;
  part("overview").hidden = false;
  part("start").focus();
}

function showDone() {
  part("work").hidden = true;
  part("done").hidden = false;
  part("take").focus();
}

function turnOver() {
  const i = order[at];
  const liked = part("order").dataset.order !== "like";
  part("order").dataset.order = liked ? "like" : "worst";
  part("order").textContent = liked ? "like with like" : "worst first";
  order.sort((a, b) => (liked ? items[a].like - items[b].like : a - b));
  at = order.indexOf(i);
  drawAnew();
  go(at);
}

/* corrections.csv */

function cell(text) {
  const defused = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
  return /[",\n\r]/.test(defused) ? '"' + defused.replaceAll('"', '""') + '"' : defused;
}

function corrections() {
  const lines = [COLUMNS.join(",")];
  for (const i of [...decisions.keys(), ...withdrawn.keys()].sort((a, b) => a - b)) {
    const { sha256, file, page, form, field, box, raw } = items[i];
    const end = decisions.get(i) || withdrawn.get(i);
    const when = new Date(end.again || end.at).toISOString();
    const said = [file, page, form, field, sha256, box, end.state, end.value, raw, end.who, when];
    lines.push(said.map((text) => cell(String(text))).join(","));
  }
  return lines.join("\n") + "\n";
}

function download() {
  if (decisions.size + withdrawn.size === 0) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([corrections()], { type: "text/csv" }));
  link.download = "corrections.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  taken = true;
}

/* Begin. */

const screen = new Screen(part("screen"), {
  decide, undo, skip, view, pageView, leave, move: (step) => go(at + step),
});

if (items.length) {
  recall();
  part("progress").max = items.length;
  const tall = document.createElement("div");
  tall.style.height = items.length * ROW + "px";
  list.append(tall);
  progress();
  part("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    review();
  });
  part("who").addEventListener("input", () => {
    try {
      localStorage.setItem("digitscan who", part("who").value);
    } catch {
      notKept();
    }
  });
  part("order").addEventListener("click", turnOver);
  for (const name of ["download", "take"]) part(name).addEventListener("click", download);
  for (const name of ["leave", "again"]) part(name).addEventListener("click", leave);
  addEventListener("keydown", (event) => {
    if (!screen.active || part("work").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
    if (screen.input.value !== "" || event.target.matches("button")) return;
    if (event.key === "g") turnOver();
    if (event.key === "d") download();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !part("done").hidden) leave();
    if (event.key === "z" && !part("done").hidden) undo();
  });
  addEventListener("beforeunload", (event) => {
    if (!kept && !taken) event.preventDefault();
  });
  part("who").focus();
}
