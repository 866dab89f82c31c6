"""The report in a real browser, by keyboard alone, without a network."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Page

from digitscan.errors import DigitscanError, UsageError
from digitscan.records import PageFailure, PageRef
from digitscan.review import corrections, export, ledger, queue, report
from digitscan.review.queue import Change, Decision, Key
from tests.review import made
from tests.test_cli import FORM, SAMPLES, called

Opened = Callable[..., Page]
SCRIPT = "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"


SHOWN = "['file', 'field', 'value', 'count'].map((name) => part(name).textContent)"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def part(page: Page, name: str) -> str:
    return page.locator(f"[data-{name}]").first.inner_text()


def begun(opened: Opened, path: Path, who: str = "Ada") -> Page:
    page = opened(path.as_uri(), offline=True)
    page.keyboard.type(who)
    press(page, "Enter")
    return page


def downloaded(page: Page, path: Path) -> Path:
    with page.expect_download() as download:
        press(page, "d")
    download.value.save_as(path)
    return path


def handed_in(page: Page, path: Path) -> dict[str, str]:
    """Field and file -> state and value."""
    with downloaded(page, path).open(encoding="utf-8", newline="") as file:
        return {row["file"]: f"{row['state']} {row['value']}".strip() for row in csv.DictReader(file)}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A report of three fields in doubt, a.png the worst."""
    pages = [made.usual(f"{name}.png", doubt) for name, doubt in (("a", 0.1), ("b", 0.5), ("c", 0.9))]
    return report.write(made.run(tmp_path / "out", pages))


def test_a_sample_run_is_reviewed_by_keyboard_alone(tmp_path: Path, opened: Opened) -> None:
    out, scan = tmp_path / "out", SAMPLES / "002_archive.pdf"
    assert called("run", scan, "--form", FORM, "--output", out, "--workers", "0").returncode == 0
    with (SAMPLES / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = {
            (row["file"], row["page"], row["field"]): "".join(c for c in row["raw"] if c.isdigit())
            for row in csv.DictReader(file)
        }
    refused = called("export", out)
    assert (refused.returncode, "are open" in refused.stderr) == (2, True)

    page = begun(opened, out / "report.html")
    while page.locator("[data-done]").is_hidden():
        where, _, number = part(page, "file").rpartition(", page ")
        value = truth[where, number, part(page, "field")]
        press(page, *(value or "b"), *(["Enter"] if value else []))
    with page.expect_download() as download:
        press(page, "Enter")
    download.value.save_as(tmp_path / "corrections.csv")
    settled = called("export", out, "--corrections", tmp_path / "corrections.csv")
    assert settled.returncode == 0, settled.stderr

    again = called("export", out, "--history", "--format", "csv")
    assert again.returncode == 0, again.stderr
    assert len((out / "history.csv").read_text(encoding="utf-8").splitlines()) > 1
    assert called("report", out).stdout == f"{out / 'report.html'}\n"
    assert "All fields in doubt have been settled" in (out / "report.html").read_text(encoding="utf-8")
    with (out / "final.csv").open(encoding="utf-8", newline="") as file:
        final = list(csv.DictReader(file))
    people = [row for row in final if row["source"] == "person"]
    assert len(people) > 0
    assert {row["who"] for row in people} == {"Ada"}
    assert all(row["value"] == truth[row["file"], row["page"], row["field"]] for row in people)


def test_a_thousand_fields_cost_a_key_each_or_their_digits_and_one(tmp_path: Path, opened: Opened) -> None:
    out, truth = made.thousand(tmp_path / "out")
    page = begun(opened, report.write(out))
    wrong = 0
    for done in range(1000):
        file, field, value, count = page.evaluate(SHOWN)
        assert count == f"{done} of 1000 settled"
        written = truth[Key(file.split(",")[0], 1, "census", field)]
        if value != written:
            wrong += 1
            press(page, *written)
        press(page, "Enter")
    assert 300 < wrong < 500
    with page.expect_download() as download:
        press(page, "Enter")
    download.value.save_as(tmp_path / "c.csv")
    export.write(out, out, made.latest(corrections.read(tmp_path / "c.csv")))
    with (out / "final.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["value"] == truth[Key(row["file"], 1, "census", row["field"])]


def test_nothing_is_asked_of_any_network(three: Path, opened: Opened) -> None:
    page = opened("about:blank", offline=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(three.as_uri())
    press(page, "Enter", "p", "p", "?", "Escape", "1", "Enter", "u", "b")
    page.wait_for_timeout(300)
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [three.as_uri()]
    policy = page.locator("meta[http-equiv]").get_attribute("content") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_every_key(three: Path, opened: Opened, tmp_path: Path) -> None:
    page = begun(opened, three)
    assert part(page, "file") == "a.png, page 1"
    assert page.evaluate("document.querySelector('[data-view] img').naturalWidth") > 100
    press(page, "s")
    assert part(page, "file") == "b.png, page 1"
    press(page, "4", "2", "b")
    assert "Enter takes what is typed" in part(page, "hint")
    press(page, "Backspace", "3", "Enter")
    assert part(page, "file") == "c.png, page 1"
    press(page, "u")
    assert part(page, "file") == "a.png, page 1"
    press(page, "s")
    assert "only field that is left" in part(page, "hint")
    assert handed_in(page, tmp_path / "1.csv") == {"b.png": "value 43", "c.png": "unreadable"}
    press(page, "z")
    assert part(page, "file") == "c.png, page 1"
    press(page, "Control+z")
    assert part(page, "file") == "b.png, page 1"
    press(page, "z")
    assert "nothing to undo" in part(page, "hint")
    press(page, "ArrowUp", "Enter", "ArrowUp", "b")
    back = {"b.png": "open", "c.png": "open"}
    assert handed_in(page, tmp_path / "2.csv") == {"a.png": "blank", **back}
    press(page, "z")
    assert handed_in(page, tmp_path / "3.csv") == {"a.png": "value 41", **back}
    press(page, "p")
    assert page.locator("[data-page] .spot").is_visible()
    assert page.evaluate("document.querySelector('[data-page] img').naturalWidth") == made.SIZE[0]
    press(page, "Escape")
    assert page.locator("[data-page]").is_hidden()
    press(page, "?")
    assert page.locator("dialog").is_visible()
    press(page, "Enter", "ArrowDown", "g")
    assert part(page, "order") == "like with like"
    press(page, "Escape")
    assert page.locator("[data-start]").is_visible()


def test_what_was_not_wholly_read_is_not_confirmed(tmp_path: Path, opened: Opened) -> None:
    doubtful = made.reading("district", "4", 0.1, "review", made.corners(20, 10), raw="4?")
    page = begun(opened, report.write(made.run(tmp_path, [made.page("a.png", [doubtful])])))
    press(page, "Enter")
    assert "type the value" in part(page, "hint")
    press(page, "4", "7", "Enter")
    assert page.locator("[data-done]").is_visible()


def test_numbers_that_do_not_fit_are_not_taken_and_odd_ones_asked_about_once(
    tmp_path: Path, opened: Opened
) -> None:
    readings = [made.reading("district", "045", 0.1 * i, "review", made.corners(20, 10)) for i in range(1, 5)]
    pages = [made.page(f"{i}.png", [reading]) for i, reading in enumerate(readings, 1)]
    page = begun(opened, report.write(made.run(tmp_path, pages, [made.form(tmp_path)])))
    press(page, *"0123", "Enter")
    assert part(page, "hint") == "There is room for 3 digits at most."
    assert part(page, "file") == "1.png, page 1"
    press(page, "Backspace")
    assert part(page, "hint") == ""
    press(page, "Enter")
    press(page, *"45", "Enter")
    assert part(page, "hint") == "It was read with zeros in front: 045. Keep 45? Enter keeps it."
    press(page, *"9", "Enter")
    assert part(page, "hint") == "The form allows at most 290. Keep 459? Enter keeps it."
    press(page, "Enter", "Enter")
    assert part(page, "file") == "4.png, page 1"
    said = handed_in(page, tmp_path / "c.csv")
    assert said == {"1.png": "value 012", "2.png": "value 459", "3.png": "value 045"}


def test_the_screen_asks_about_what_export_tells(tmp_path: Path, opened: Opened) -> None:
    form = made.form(tmp_path)
    raws = {"district": ("045", "0?5", "_45", "_X_", "000"), "person[1].age": ("0041", "41", "8")}
    values = ("1", "2", "7", "45", "045", "290", "291", "41", "0041", "77", "88", "1" * 30)
    asked = 0
    for name, written in raws.items():
        for raw in written:
            reading = made.reading(name, raw.strip("_X"), 0.1, "review", made.corners(20, 10), raw)
            made.run(tmp_path / raw, [made.page("a.png", [reading])], [form])
            page = begun(opened, report.write(tmp_path / raw))
            with queue.opened(tmp_path / raw) as book:
                (item,), limits = queue.doubtful(book), book.limits()
            of = limits["census", item.column]
            for value in values:
                long, odd = page.evaluate("(v) => [tooLong(items[0], v), objection(items[0], v)]", value)
                assert bool(long) == bool(queue.too_long(value, of)), (raw, value)
                assert bool(long or odd) == bool(queue.oddities(value, item.reading, of)), (raw, value)
                asked += bool(odd)
    assert 0 < asked < sum(map(len, raws.values())) * len(values)


def test_decisions_outlive_the_page(three: Path, opened: Opened, tmp_path: Path) -> None:
    page = begun(opened, three)
    press(page, "1", "Enter", "Enter")
    again = opened(three.as_uri(), page.context)
    assert again.locator("[data-who]").input_value() == "Ada"
    press(again, "Enter")
    assert part(again, "file") == "c.png, page 1"
    assert handed_in(again, tmp_path / "1.csv") == {"a.png": "value 1", "b.png": "value 41"}
    report.write(three.parent)
    again.reload()
    press(again, "Enter", "z")
    assert part(again, "file") == "b.png, page 1"


def test_what_was_handed_in_can_be_taken_back(three: Path, opened: Opened, tmp_path: Path) -> None:
    def held() -> list[str]:
        """What holds of a.png and b.png when all that was decided is handed in."""
        corrections.keep(out, corrections.read(downloaded(page, tmp_path / "c.csv")))
        with queue.opened(out) as book:
            known = ledger.known(out, book)
            keys = [item.key for item in queue.doubtful(book)][:2]
        return [end.value if (end := known.settled.get(key)) else "open" for key in keys]

    out = three.parent
    page = begun(opened, three)
    press(page, "1", "3", "Enter", "1", "4", "Enter")
    assert held() == ["13", "14"]
    press(page, "ArrowUp", "2", "Enter")
    assert held() == ["13", "2"]
    press(page, "z")
    assert held() == ["13", "14"]
    press(page, "z")
    assert held() == ["13", "open"]
    page.reload()
    press(page, "Enter", "z")
    assert held() == ["open", "open"]
    page.reload()
    press(page, "Enter", "5", "Enter")
    assert held() == ["5", "open"]


def test_hostile_texts_do_nothing(tmp_path: Path, opened: Opened) -> None:
    evil = made.usual(f"=1+1{SCRIPT}.png")
    failure = PageFailure(PageRef(tmp_path, f"=2{SCRIPT}", 0, ""), "open", SCRIPT)
    out = made.run(tmp_path / "out", [evil, failure])
    page = begun(opened, report.write(out), f"=cmd{SCRIPT}")
    assert SCRIPT in part(page, "file")
    assert page.get_by_text(SCRIPT).count() >= 2
    press(page, "p", "p", "Enter")
    with page.expect_download() as download:
        press(page, "Enter")
    download.value.save_as(tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["file"] == f"'=1+1{SCRIPT}.png"
    assert row["who"] == f"'=cmd{SCRIPT}"[:81]
    page.reload()
    page.wait_for_timeout(200)
    assert page.title() == "digitscan report"
    export.write(out, out, made.latest(corrections.read(tmp_path / "c.csv")))
    with (out / "final.csv").open(encoding="utf-8", newline="") as file:
        assert {row["file"][:2] for row in csv.DictReader(file)} == {"'="}


def test_a_payload_in_the_browsers_store_is_no_decision(three: Path, opened: Opened) -> None:
    page = opened(three.as_uri(), offline=True)
    page.evaluate(
        "(evil) => localStorage.setItem(names[0], JSON.stringify({state: 'value', value: evil, at: 1}))",
        SCRIPT,
    )
    page.reload()
    press(page, "Enter")
    assert part(page, "count") == "0 of 3 settled"
    assert page.title() == "digitscan report"


def test_a_run_without_doubt_says_so(tmp_path: Path, opened: Opened) -> None:
    sure = made.page("a.png", [made.reading("district", "1", 0.999, "accepted", made.corners(9, 9))])
    page = opened(report.write(made.run(tmp_path, [sure])).as_uri(), offline=True)
    press(page, "Enter", "z", "d", "?", "Escape")
    assert page.get_by_text("No field is in doubt.").is_visible()


def test_no_more_than_one_person_can_settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [made.usual(f"{i}.png", i / 10) for i in range(4)]
    out = made.run(tmp_path, pages)
    monkeypatch.setattr(report, "MOST", 2)
    text = report.write(out).read_text(encoding="utf-8")
    assert "Here are the 2 most doubtful of 4 open fields" in text
    assert ('"0.png"' in text, '"3.png"' in text) == (True, False)
    end = Decision("blank", "", "person", "Ada", "2021-01-02T03:04:05.678+00:00")
    with queue.opened(out) as book:
        corrections.keep(out, [Change(i.key, i.page.ref.file, end, "41") for i in queue.doubtful(book)])
    text = report.write(out).read_text(encoding="utf-8")
    assert "All fields in doubt have been settled" in text
    assert ".png" not in text


def test_a_run_that_did_not_finish_has_no_report(tmp_path: Path) -> None:
    made.run(tmp_path, [made.usual("a.png")])
    (tmp_path / "summary.json").unlink()
    with pytest.raises(UsageError, match="finish the run"):
        report.write(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_the_same_run_has_the_same_report(three: Path) -> None:
    before = three.read_bytes()
    assert report.write(three.parent).read_bytes() == before


def test_a_lock_that_is_not_let_go_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = made.run(tmp_path / "out", [made.usual("a.png")])
    monkeypatch.setattr(report, "_LOCK_SECONDS", 0.1)
    with (
        FileLock(out / ".report.lock"),
        pytest.raises(DigitscanError, match=r"report\.lock: held by"),
    ):
        report.write(out)
    (out / ".report.lock").unlink(missing_ok=True)
    (out / ".report.lock").mkdir()
    with pytest.raises(DigitscanError, match=r"report\.lock: cannot be locked"):
        report.write(out)
