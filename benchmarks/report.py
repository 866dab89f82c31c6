"""How quick the report is in a browser: `python -m benchmarks.report`.

A report of as many fields in doubt as one may hold, of five a page, all their views taken from a sample page.
Needs Chromium and Playwright.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from digitscan.batch import journal
from digitscan.forms import load_form
from digitscan.pipeline import read_fields, register_page
from digitscan.recognition.classifier import load
from digitscan.records import FieldReading, PageRef, PageResult
from digitscan.review import report
from digitscan.vision.views import with_views

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_scans" / "002_archive.pdf"
PER_PAGE = 5
KEYS = 300

# The time from a key to the next picture on the screen, in ms, key by key.
MEASURE = """async (keys) => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const input = document.querySelector("[data-input]");
  const took = [];
  for (const key of keys) {
    await painted();
    const begin = performance.now();
    if (/[0-9]/.test(key)) document.execCommand("insertText", false, key);
    else input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    await painted();
    took.push(performance.now() - begin);
  }
  return took;
}"""


def make_run(directory: Path, doubts: int = report.MOST) -> None:
    """An output directory with a journal of so many fields in doubt."""
    form = load_form(ROOT / "configs" / "household.toml")
    ref = PageRef(SAMPLE, SAMPLE.name, 1, "")
    placed = register_page(ref, [form])
    readings = tuple(replace(r, status="review") for r in read_fields(placed, load()))
    height, width = placed.page.image.shape
    read = PageResult(ref, form.name, placed.rotation, placed.score, readings, (width, height))
    seen = with_views(read, placed.page.image)
    fields = cycle(seen.readings)
    pages = [_page(seen, i, tuple(islice(fields, PER_PAGE))) for i in range(doubts // PER_PAGE)]
    with journal.opened(directory) as book:
        for page in pages:
            book.record_page("measured", page)
        with book.listing("measured", pages) as rows:
            list(rows)
    counts = dict.fromkeys(("failed", "skipped", "left"), 0)
    counts |= {"ok": len(pages), "fields": 80 * len(pages), "review": doubts}
    (directory / "summary.json").write_text(json.dumps({"counts": counts}))


def _page(seen: PageResult, i: int, readings: tuple[FieldReading, ...]) -> PageResult:
    ref = replace(seen.ref, file=f"{i:05}.pdf", sha256=hashlib.sha256(str(i).encode()).hexdigest())
    return replace(seen, ref=ref, readings=readings)


def measure(path: Path) -> dict[str, Any]:
    """Of a report: seconds until it can be worked with, and ms that keys take."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (the report itself needs no browser)

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            cost = page.context.new_cdp_session(page)
            cost.send("Performance.enable")
            begin = time.perf_counter()
            page.goto(path.as_uri())
            loaded = time.perf_counter() - begin
            page.keyboard.press("Enter")
            page.wait_for_function("document.querySelector('[data-view] img').naturalWidth > 0")
            shown = time.perf_counter() - begin
            loading = _main_thread(cost)
            keys = list(islice(cycle(["Enter", "1", "9", "Enter", "b", "ArrowDown", "p", "z", "p"]), KEYS))
            took = sorted(page.evaluate(MEASURE, keys))
            pressing = _main_thread(cost) - loading
            page.evaluate("document.querySelector('[data-list]').scrollTop = 1e9")
            page.wait_for_timeout(100)
            last = page.evaluate(MEASURE, ["g", "ArrowDown", "g", "ArrowDown"])
        finally:
            browser.close()
    return {
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "loaded_s": round(loaded, 2),
        "first_field_shown_s": round(shown, 2),
        "loading_cpu_s": round(loading, 2),
        "key_cpu_ms": round(1000 * pressing / KEYS, 1),
        "key_median_ms": round(took[len(took) // 2], 1),
        "key_95_percent_ms": round(took[int(len(took) * 0.95)], 1),
        "key_slowest_ms": round(took[-1], 1),
        "other_order_slowest_ms": round(max(last), 1),
    }


def _main_thread(session: Any) -> float:
    """Seconds of processor that the page's main thread has had: these do not depend on what else runs."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "ThreadTime")


def main() -> None:
    """Print what was measured, as JSON."""
    with tempfile.TemporaryDirectory() as made:
        make_run(Path(made))
        begin = time.perf_counter()
        path = report.write(Path(made))
        written = round(time.perf_counter() - begin, 2)
        print(json.dumps({"written_s": written, **measure(path)}, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
