"use strict";
/* The screen on which one field is decided, by keyboard: the same in the report and on the server.

   An item has: file, page, form, field, value, raw, confidence, candidates [[value, probability]], reason,
   frame [width, height, x, y, width, height of the field] in px of its view, place [x, y, width, height] as
   shares of the page's view, and rules {fewest, most (digits), minimum, maximum, values, pattern}, if they are
   known; where it is keyed blind, also blind, and then nothing of what was read. `on` has: decide(state, value), move(step), undo(), skip(), view(item) and
   pageView(item), which give or promise an address for <img>, or "" where there is none.
   States: value, blank, unreadable. */

const SIGNS = { value: "✓", blank: "∅", unreadable: "?", skipped: "»", open: "·" };

function percent(probability) {
  if (probability < 0.001) return "under 0.1%";
  if (probability > 0.999) return "over 99.9%";
  return (100 * probability).toFixed(1) + "%";
}

function shown(value) {
  return value === "" ? "nothing" : value;
}

/* What Enter alone confirms; null where there is nothing that could be confirmed. */
function confirmable(item) {
  if (item.raw.includes("?")) return null;
  return item.value === "" ? { state: "blank", value: "" } : { state: "value", value: item.value };
}

/* Why a number cannot stand in a field; "" where it can. */
function tooLong({ rules }, value) {
  return rules && value.length > rules.most ? "There is room for " + rules.most + " digits at most." : "";
}

function fits(pattern, value) {
  try {
    return new RegExp("^(?:" + pattern + ")$").test(value);
  } catch {
    return true; /* it is a regular expression of Python's, and not of browsers: export looks at it */
  }
}

/* What of a number is not as the form allows it, or as it was read; "" where all is. */
function objection({ rules, raw }, value) {
  const { fewest, minimum, maximum, values, pattern } = rules || {};
  if (fewest && value.length < fewest) return "The form wants at least " + fewest + " digits.";
  if (minimum && BigInt(value) < BigInt(minimum)) return "The form allows at least " + minimum + ".";
  if (maximum && BigInt(value) > BigInt(maximum)) return "The form allows at most " + maximum + ".";
  if (values && !values.includes(value)) return "The form does not list that value.";
  if (pattern && !fits(pattern, value)) return "The form wants values like " + pattern + ".";
  const written = raw.replace(/[_X]/g, "");
  if (written[0] === "0" && value.length < written.length) return "It was read with zeros in front: " + written + ".";
  return "";
}

class Screen {
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.item = null;
    this.asked = null; /* the value about which a question is on the screen */
    this.part = (name) => root.querySelector("[data-" + name + "]");
    this.input = this.part("input");
    this.input.addEventListener("input", () => {
      const digits = this.input.value.replace(/[^0-9]/g, "");
      if (digits !== this.input.value) this.input.value = digits;
      this.asked = null;
      this.hint(tooLong(this.item, digits));
    });
    document.addEventListener("keydown", (event) => this.key(event));
    for (const button of root.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => {
        this[button.dataset.do]();
        this.input.focus();
      });
    }
  }

  get active() {
    return this.root.checkVisibility() && this.item !== null && !document.querySelector("dialog[open]");
  }

  show(item, state) {
    this.item = item;
    this.asked = null;
    const text = (name, said) => { this.part(name).textContent = said; };
    text("field", item.field);
    text("file", item.file + ", page " + item.page);
    text("form", item.form);
    text("value", item.raw.includes("?") ? item.raw : shown(item.value));
    text("raw", item.raw === item.value ? "" : "as written: " + item.raw);
    text("confidence", percent(item.confidence));
    text("reason", item.reason);
    this.part("said").hidden = Boolean(item.blind);
    text("state", state || "");
    const rest = 1 - item.confidence - item.candidates.reduce((sum, [, p]) => sum + p, 0);
    const others = this.part("others");
    others.replaceChildren(...item.candidates.map(([value, p]) => this.other(shown(value), percent(p))));
    others.append(this.other("", "something else " + percent(Math.max(rest, 0))));
    this.input.value = "";
    this.input.placeholder = confirmable(item) ? "as read, or type it" : "type it";
    this.hint("");
    this.picture(this.part("view"), this.on.view(item), item.frame, item);
    if (!this.part("page").hidden) this.turnPage();
    this.input.focus({ preventScroll: true });
  }

  other(value, odds) {
    const span = document.createElement("span");
    const strong = document.createElement("b");
    strong.textContent = value;
    span.append(strong, value ? " " : "", odds);
    return span;
  }

  async picture(place, address, [width, height, x, y, w, h], item) {
    const image = place.querySelector("img");
    const spot = place.querySelector(".spot");
    const gone = place.querySelector(".gone");
    image.hidden = spot.hidden = true;
    const found = await address;
    if (item !== this.item) return;
    image.hidden = spot.hidden = !found;
    gone.hidden = Boolean(found);
    if (!found) return image.removeAttribute("src");
    image.src = found;
    const [across, down] = [this.root.clientWidth - 50, this.root.clientHeight * 0.45];
    image.width = width * Math.max(0.5, Math.min(2.5, across / width, down / height));
    Object.assign(spot.style, {
      left: 100 * x / width + "%", top: 100 * y / height + "%",
      width: 100 * w / width + "%", height: 100 * h / height + "%",
    });
    return undefined;
  }

  hint(said) {
    this.part("hint").textContent = said;
  }

  key(event) {
    if (!this.active || event.altKey || event.metaKey) return;
    if (event.target !== this.input && event.target.matches("input, textarea, select, a, summary")) return;
    if (event.target.matches("button") && (event.key === "Enter" || event.key === " ")) return;
    const typed = this.input.value !== "";
    if (event.ctrlKey && (typed || event.key !== "z")) return;
    const does = { Enter: "confirm", "?": "help", ArrowDown: "next", ArrowUp: "previous", Escape: "back" };
    const alone = {
      u: "unreadable", b: "blank", s: "skip", z: "undo", p: "zoom",
      ArrowRight: "next", ArrowLeft: "previous", Backspace: "undo",
    };
    if (!typed) Object.assign(does, alone);
    const act = does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) {
      event.preventDefault();
      if (!event.repeat || act === "next" || act === "previous") this[act]();
    } else if (typed && event.key.toLowerCase() in alone && event.key.length === 1) {
      event.preventDefault();
      this.hint("Enter takes what is typed; Esc clears it.");
    } else if (event.key.length === 1 && event.target !== this.input) {
      this.input.focus();
    }
  }

  confirm() {
    const typed = this.input.value;
    const answer = typed === "" ? confirmable(this.item) : { state: "value", value: typed };
    if (answer) this.take(answer);
    else if (this.item.blind) this.hint("Type what stands there, or b for blank, u for unreadable.");
    else this.hint("Not all of it was read: type the value, or b for blank, u for unreadable.");
  }

  /* What does not fit is refused; what people may well have written, though no rule allows it, asked about once. */
  take({ state, value }) {
    const refused = tooLong(this.item, value);
    if (refused) return this.hint(refused);
    const odd = value && value !== this.asked ? objection(this.item, value) : "";
    if (!odd) return this.on.decide(state, value);
    this.asked = value;
    return this.hint(odd + " Keep " + value + "? Enter keeps it.");
  }

  unreadable() { this.on.decide("unreadable", ""); }
  blank() { this.on.decide("blank", ""); }
  skip() { this.on.skip(); }
  undo() { this.on.undo(); }
  next() { this.on.move(1); }
  previous() { this.on.move(-1); }

  back() {
    if (!this.part("page").hidden) this.zoom();
    else if (this.input.value !== "") this.input.value = "";
    else if (this.on.leave) this.on.leave();
  }

  zoom() {
    const page = this.part("page");
    page.hidden = !page.hidden;
    if (!page.hidden) this.turnPage();
    this.input.focus({ preventScroll: true });
  }

  async turnPage() {
    const page = this.part("page");
    const [x, y, w, h] = this.item.place;
    this.part("note").textContent = this.item.field + " on " + this.item.file + ", page " + this.item.page;
    const image = page.querySelector("img");
    await this.picture(page, this.on.pageView(this.item), [1, 1, x, y, w, h], this.item);
    image.removeAttribute("width");
    if (image.src) await image.decode().catch(() => {});
    page.querySelector(".spot").scrollIntoView({ block: "center" });
  }

  help() {
    document.querySelector("dialog[data-help]").showModal();
  }
}
