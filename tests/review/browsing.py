"""A reviewer at the keyboard of a real browser."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.review.served import Served
from tests.review.test_report import press
from tests.test_cli import called

Opened = Callable[..., Page]
SEEN = """(before) => new Promise((done, fail) => {
  const end = Date.now() + 20000;
  const text = (name) => part(name).textContent;
  const wait = () => {
    if (!part("done").hidden) return done(null);
    const said = text("file") + text("field") + text("count");
    if (ready && !busy && said !== before) return done([text("file"), text("field"), text("value"), said]);
    return Date.now() > end ? fail(new Error("still " + said)) : setTimeout(wait, 1);
  };
  wait();
})"""
"""Waits until another field, and its picture, is there: file, field, value, and what tells it from others."""
UNTIL = """([name, text]) => new Promise((done, fail) => {
  const end = Date.now() + 20000;
  const wait = () => {
    if (!busy && !part(name).hidden && part(name).textContent.includes(text)) done(true);
    else if (Date.now() > end) fail(new Error(name + " says " + part(name).textContent));
    else setTimeout(wait, 5);
  };
  wait();
})"""
WIDTH = """() => {
  const image = document.querySelector("[data-view] img");
  return image.decode().then(() => image.naturalWidth);
}"""
REVIEWER = """async (truth) => {
  const said = [];
  const told = () => part("file").textContent + " " + part("field").textContent;
  const seen = () => (part("done").hidden ? told() : "");
  const wait = () => new Promise((done) => setTimeout(done, 0));
  for (let before = ""; ; ) {
    while (busy || (part("done").hidden && (!ready || seen() === before))) await wait();
    if (!(before = seen())) return said;
    const [read, written] = [part("value").textContent, truth[before]];
    const keys = read === written ? ["Enter"] : [...written, "Enter"];
    for (const key of keys) {
      if (key !== "Enter") document.activeElement.value += key;
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }
    said.push([part("field").textContent, read === written, written.length, keys.length]);
  }
}"""
"""Somebody who knows the truth, and presses what it takes: field, whether it was right, digits, keys."""


def says(page: Page, name: str, text: str) -> None:
    """Wait until it does."""
    page.evaluate(UNTIL, [name, text])


def shows(page: Page, name: str) -> None:
    """Wait until it does."""
    page.evaluate(UNTIL, [name, ""])


def begun(opened: Opened, server: Served, who: str = "Ada", mode: int = 0) -> Page:
    """A browser of that person, in the mode of that number, by keyboard."""
    page = opened(server.address)
    page.keyboard.type(who)
    press(page, "Enter", *["ArrowDown"] * mode, "Enter")
    page.wait_for_selector("[data-overview]", state="hidden")
    return page


def seen(page: Page, before: str = "") -> Any:
    return page.evaluate(SEEN, before)


def decide(page: Page, *keys: str) -> None:
    """Press them when the field can be seen, and wait for the next."""
    before = seen(page)[3]
    press(page, *keys)
    seen(page, before)


def final(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (out / "final.csv").open(encoding="utf-8", newline="") as file:
        return {(row["file"], row["field"]): row for row in csv.DictReader(file)}


def exported(out: Path, *options: str) -> dict[tuple[str, str], dict[str, str]]:
    done = called("export", out, *options)
    assert done.returncode == 0, done.stderr
    return final(out)


def settled(server: Served) -> Any:
    """The next field, after it was settled as read; None where there is none."""
    item = server.next()
    if item is not None:
        assert server.decide(item, "value", item["value"])[0] == 200
    return item
