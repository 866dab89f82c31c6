"use strict";
/* The review server's screens. Every decision is stored before the next field is shown; nothing is decided
   before its picture is seen. */

const SIZE = 100;
const ACROSS = 10;
const TITLES = { doubtful: "Fields in doubt", carpet: "Carpets", audit: "Audit", keying: "Double keying" };
const OTHERS = {
  doubtful: "The fields that are left are on the screens of other people.",
  carpet: "The carpets that are left are on the screens of other people.",
  audit: "The fields that are left are on the screens of other people.",
  keying: "The fields that are left wait for another person: nobody keys the same field twice.",
};
const part = (name) => document.querySelector("[data-" + name + "]");
const store = sessionStorage;

/* Who this is. The token is in the address only until it is read. */

if (location.hash.length > 1) {
  store.setItem("token", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
if (!store.getItem("session")) store.setItem("session", crypto.randomUUID().replaceAll("-", ""));

class Refused extends Error {
  constructor(status, answer) {
    super((answer && answer.told) || "The server did not take that.");
    this.status = status;
    this.answer = answer;
  }
}

async function ask(path, sent) {
  const headers = {
    Authorization: "Bearer " + store.getItem("token"),
    "X-Session": store.getItem("session"),
    "X-Who": encodeURIComponent(part("who").value.trim() || "?"),
  };
  let answer;
  try {
    if (sent) {
      headers["Content-Type"] = "application/json";
      answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(sent) });
    } else {
      answer = await fetch(path, { headers });
    }
  } catch {
    throw new Refused(0, { told: "The server does not answer: is it still running? What you say is here; say it again." });
  }
  if (answer.status === 401) throw new Refused(401, { told: "Open the address that the server printed when it started." });
  if (answer.ok) return answer;
  throw new Refused(answer.status, await answer.json().catch(() => null));
}

const told = async (path, sent) => (await ask(path, sent)).json();

/* Pictures: fetched with the token, so their addresses are of this page alone. */

const pictures = new Map();

async function picture(path) {
  if (!pictures.has(path)) {
    pictures.set(path, URL.createObjectURL(await (await ask(path)).blob()));
    for (const [old, address] of pictures) {
      if (pictures.size <= 40) break;
      URL.revokeObjectURL(address);
      pictures.delete(old);
    }
  }
  return pictures.get(path);
}

const keyOf = ({ sha256, page, form, field }) => ({ sha256, page, form, field });
const same = (a, b) => JSON.stringify(keyOf(a)) === JSON.stringify(keyOf(b));

async function viewOf(item, of) {
  try {
    return await picture("/api/view?" + new URLSearchParams({ ...keyOf(item), of }));
  } catch (refused) {
    for (const gone of document.querySelectorAll(".gone")) gone.textContent = refused.message;
    return "";
  }
}

async function view(item) {
  const address = await viewOf(item, "field");
  if (trail[at] === item) {
    ready = true;
    gone = !address;
    lock();
  }
  return address;
}

/* Fields. */

let mode = "";
let trail = [];
let at = 0;
let busy = false;
let ready = false; /* whether the picture is there, or known to be gone */
let gone = false;

function lock() {
  screen.input.readOnly = busy || !ready;
}

/* One thing at a time; what is refused is told, and what was typed stays. */
async function alone(work, hint) {
  if (busy) return;
  busy = true;
  lock();
  try {
    await work();
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    if (refused.status === 401) leave(refused.message);
    else hint(refused.message);
  } finally {
    busy = false;
    lock();
  }
}

const onField = (work) => alone(work, (said) => screen.hint(said));

function show(place) {
  at = place;
  ready = false;
  part("done").hidden = true;
  part("work").hidden = false;
  part("fields").hidden = false;
  part("carpet").hidden = true;
  const item = trail[at];
  screen.show(item, item.said || "");
  lock();
}

function progress({ done, of }) {
  part("progress").max = of || 1;
  part("progress").value = done;
  part("count").textContent = done + " of " + of + (mode === "carpet" ? " lots of pages" : " done");
}

/* The next field: the one that is claimed already, or another one after it. */
function go(answer) {
  progress(answer.progress);
  const last = trail[trail.length - 1];
  if (!answer.item) return showDone(answer.why);
  if (last && !last.said && same(last, answer.item)) trail.pop();
  else if (last && !last.said) trail.pop();
  trail.push(answer.item);
  return show(trail.length - 1);
}

function decide(state, value) {
  const item = trail[at];
  if (!ready) return screen.hint("Wait for the picture.");
  if (gone && state === "value" && screen.input.value === "") {
    return screen.hint("There is no picture to say that by: type the value from the paper, or s skips it.");
  }
  return onField(async () => {
    let answer;
    try {
      answer = await told("/api/decide", { mode, key: keyOf(item), state, value, seen: item.seen });
    } catch (refused) {
      if (refused.status !== 409) throw refused;
      item.said = "decided by somebody else";
      go(refused.answer.next);
      screen.hint(refused.message);
      return;
    }
    item.seen = answer.seen;
    item.said = SIGNS[state] + " " + (value || state);
    go(answer.next);
  });
}

function skip() {
  const item = trail[at];
  onField(async () => {
    const answer = await told("/api/skip", { mode, key: keyOf(item) });
    const only = answer.item && same(answer.item, item);
    if (!item.said) trail.splice(at, 1);
    go(answer);
    if (only) screen.hint("This is the only field that is left for you.");
  });
}

async function undo() {
  await onField(async () => {
    const answer = await told("/api/undo", { mode });
    trail = trail.filter((item) => item.said && !(answer.item && same(item, answer.item)));
    go(answer);
  });
}

function move(step) {
  if (busy) return;
  const place = at + step;
  if (place < 0) screen.hint("Before this one you saw none.");
  else if (place >= trail.length) screen.hint("s skips this field.");
  else show(place);
}

/* Carpets. */

let carpet = null;
let tile = 0;
const tiles = [];
const onCarpet = (work) => alone(work, (said) => { part("carpet-hint").textContent = said; });

for (let i = 0; i < SIZE; i++) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "tile";
  made.tabIndex = -1;
  made.addEventListener("click", () => { point(i); mark(); });
  part("tiles").append(made);
  tiles.push(made);
}

const marked = () => tiles.flatMap((one, i) => (one.getAttribute("aria-pressed") === "true" ? [i] : []));

function point(i) {
  tiles[tile].tabIndex = -1;
  tile = i;
  tiles[tile].tabIndex = 0;
  tiles[tile].focus({ preventScroll: true });
}

function press(i, down) {
  tiles[i].setAttribute("aria-pressed", String(down));
  tiles[i].setAttribute("aria-label", "glyph " + (i + 1) + (down ? ", marked" : ""));
}

function tell() {
  const count = marked().length;
  part("marked").textContent = count ? "✗ " + count + " marked" : "none marked";
  store.setItem("marks", JSON.stringify({ id: carpet.id, odd: marked() }));
}

function mark() {
  if (busy || !carpet) return;
  press(tile, tiles[tile].getAttribute("aria-pressed") !== "true");
  tell();
}

async function roll(answer) {
  progress(answer.progress);
  carpet = null;
  if (!answer.carpet) return showDone(answer.why, answer.gone);
  const sheet = await picture("/api/sheet?id=" + encodeURIComponent(answer.carpet.id));
  carpet = answer.carpet;
  part("done").hidden = true;
  part("work").hidden = false;
  part("fields").hidden = true;
  part("carpet").hidden = false;
  part("digit").textContent = carpet.digit;
  part("carpet-hint").textContent = "";
  const rows = Math.ceil(carpet.count / ACROSS);
  const kept = JSON.parse(store.getItem("marks") || "{}");
  const before = kept.id === carpet.id ? kept.odd : [];
  tiles.forEach((one, i) => {
    one.hidden = i >= carpet.count;
    one.style.backgroundImage = 'url("' + sheet + '")';
    one.style.backgroundSize = "1000% " + 100 * rows + "%";
    const [x, y] = [i % ACROSS, Math.floor(i / ACROSS)];
    one.style.backgroundPosition = (100 * x) / (ACROSS - 1) + "% " + (rows > 1 ? (100 * y) / (rows - 1) : 0) + "%";
    press(i, before.includes(i));
  });
  tell();
  point(0);
  return undefined;
}

function over() {
  if (!carpet) return;
  onCarpet(async () => {
    const answer = await told("/api/carpet", { id: carpet.id, odd: marked() });
    store.removeItem("marks");
    await roll(answer.next);
  });
}

function unroll() {
  onCarpet(async () => {
    const answer = await told("/api/undo", { mode: "carpet" });
    store.removeItem("marks");
    await roll(answer);
  });
}

const does = { over, mark, unroll };
for (const button of document.querySelectorAll("[data-on]")) {
  button.addEventListener("click", () => {
    does[button.dataset.on]();
    tiles[tile].focus();
  });
}

addEventListener("keydown", (event) => {
  if (part("carpet").checkVisibility() === false || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches("[data-leave], [data-on]") && (event.key === "Enter" || event.key === " ")) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -ACROSS, ArrowDown: ACROSS };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in steps && carpet) {
    const to = tile + steps[key];
    if (to >= 0 && to < carpet.count) point(to);
  } else if (event.repeat) return;
  else if (key === " " || key === "x") mark();
  else if (key === "Enter") over();
  else if (key === "z" || key === "Backspace") unroll();
  else if (key === "Escape") leave();
  else return;
  event.preventDefault();
});

/* From one to the other. */

async function begin(wanted) {
  const who = part("who").value.trim();
  if (!who) {
    notice("Say who you are first: your name stands beside your decisions.");
    part("who").focus();
    return;
  }
  try {
    localStorage.setItem("digitscan who", who);
  } catch {
    /* then it is typed again */
  }
  if (busy) return;
  mode = wanted;
  trail = [];
  store.setItem("mode", mode);
  part("title").textContent = TITLES[mode];
  part("me").textContent = who;
  await alone(async () => {
    const answer = mode === "carpet" ? await told("/api/carpet/next", {}) : await told("/api/next", { mode });
    part("overview").hidden = true;
    if (mode === "carpet") await roll(answer);
    else go(answer);
  }, leave);
}

function notice(said) {
  part("notice").textContent = said;
  part("notice").hidden = !said;
}

function showDone(why, gone) {
  part("work").hidden = true;
  part("done").hidden = false;
  const nothing = part("progress").max === 1 && part("progress").value === 0;
  const empty = { doubtful: "No field is in doubt", carpet: "No digit was accepted", audit: "No field was accepted",
    keying: "No field is keyed twice" };
  part("done-title").textContent = why === "others" ? "Nothing here for you now" : nothing ? empty[mode] : "All of this is done";
  let said = why === "others" ? OTHERS[mode] : "";
  if (!said && nothing && mode === "keying") said = "Name fields with: digitscan review DIR --double FIELD";
  if (gone) said += " The scans of " + gone + " pages are gone or changed: their digits cannot be shown.";
  part("done-told").textContent = said;
  part("retry").hidden = why !== "others";
  part("again").focus();
}

function counted(name, { done, of }) {
  const bar = document.querySelector('[data-mode="' + name + '"] progress');
  bar.max = of || 1;
  bar.value = done;
  const count = document.querySelector('[data-said-of="' + name + '"]');
  count.textContent = of ? done + " of " + of + (name === "carpet" ? " lots" : "") : "none";
}

async function leave(said) {
  part("work").hidden = true;
  part("done").hidden = true;
  part("overview").hidden = false;
  store.removeItem("mode");
  notice(typeof said === "string" ? said : "");
  (part("who").value.trim() ? document.querySelector('[data-mode="' + (mode || "doubtful") + '"]') : part("who")).focus();
  try {
    const known = await told("/api/overview");
    for (const name of Object.keys(TITLES)) counted(name, known[name]);
    if (known.audit.of === 0) document.querySelector('[data-said-of="audit"]').textContent = "a sample of " + known.sample;
    part("figure").textContent = known.figure;
    part("gone-pages").textContent = known.gone ? "Scans that are gone or changed: " + known.gone + " pages." : "";
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    notice(refused.message);
  }
}

const screen = new Screen(part("screen"), {
  decide, skip, undo, move, view, leave, pageView: (item) => viewOf(item, "page"),
});

part("begin").addEventListener("submit", (event) => {
  event.preventDefault();
  if (part("who").value.trim()) document.querySelector("[data-mode]").focus();
});
const modes = [...document.querySelectorAll("[data-mode]")];
modes.forEach((button, i) => {
  button.addEventListener("click", () => begin(button.dataset.mode));
  button.addEventListener("keydown", (event) => {
    const to = { ArrowDown: i + 1, ArrowUp: i - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    (modes[to] || (to < 0 ? part("who") : button)).focus();
  });
});
part("leave").addEventListener("click", () => leave());
part("again").addEventListener("click", () => leave());
part("retry").addEventListener("click", () => begin(mode));
addEventListener("keydown", (event) => {
  if (part("done").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape") leave();
  if (event.key === "z") (mode === "carpet" ? unroll : undo)();
});

try {
  part("who").value = localStorage.getItem("digitscan who") || "";
} catch {
  /* then it is typed */
}
const before = store.getItem("mode");
if (before in TITLES && part("who").value.trim()) begin(before);
else leave();
