"""The review server in a real browser."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from PIL import Image as Pillow

from digitscan.batch import journal
from digitscan.review import decisions
from digitscan.review.queue import Key
from tests.review import made
from tests.review.browsing import (
    REVIEWER,
    WIDTH,
    Opened,
    begun,
    decide,
    exported,
    says,
    seen,
    settled,
    shows,
)
from tests.review.served import served
from tests.review.test_report import SCRIPT, part, press
from tests.test_cli import FORM, SAMPLES, called


def test_a_sample_run_is_settled_by_keyboard_alone(tmp_path: Path, opened: Opened) -> None:
    out, scan = tmp_path / "out", tmp_path / "scan.pdf"
    shutil.copy(SAMPLES / "002_archive.pdf", scan)
    assert called("run", scan, "--form", FORM, "--output", out, "--workers", "0").returncode == 0
    with (SAMPLES / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = {
            (row["page"], row["field"]): "".join(c for c in row["raw"] if c.isdigit())
            for row in csv.DictReader(file)
            if row["file"] == "002_archive.pdf"
        }
    scan.unlink()  # what is in doubt is seen without it
    with served(out) as server:
        page = begun(opened, server)
        assert server.token not in page.url
        before = ""
        while now := seen(page, before):
            before = now[3]
            number = now[0].rpartition(", page ")[2]
            value = truth[number, now[1]]
            press(page, *(value or "b"), *(["Enter"] if value else []))
        assert part(page, "done-title") == "All of this is done"
        press(page, "Enter")
        page.wait_for_selector("[data-overview]")
    assert called("export", out).returncode == 0
    with (out / "final.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))  # of five pages: `exported` has fields of one
    people = [row for row in rows if row["source"] == "person"]
    assert len(people) > 0
    assert {row["who"] for row in people} == {"Ada"}
    assert all(row["value"] == truth[row["page"], row["field"]] for row in people)


def test_a_thousand_fields_cost_a_key_each_or_their_digits_and_one(tmp_path: Path, opened: Opened) -> None:
    out, truth = made.thousand(tmp_path / "out")
    told = {f"{key.sha256}, page 1 {key.field}": value for key, value in truth.items()}
    with served(out) as server:
        said = begun(opened, server).evaluate(REVIEWER, told)
    assert len(said) == 1000
    assert all(keys == (1 if right else digits + 1) for _, right, digits, keys in said)
    assert 300 < sum(not right for _, right, *_ in said) < 500
    assert sum(a[0] != b[0] for a, b in pairwise(said)) == 9  # like with like
    rows = exported(out)
    assert len(rows) == 1000
    assert all(row["value"] == truth[Key(file, 1, "census", field)] for (file, field), row in rows.items())


def test_odd_ones_on_a_carpet_come_into_doubt(tmp_path: Path, opened: Opened) -> None:
    values = [f"{i:02}7" for i in range(30)]
    out = made.run(
        tmp_path / "out",
        [made.usual(f"{v}.png", value=v, path=tmp_path / f"{v}.png") for v in values],
    )
    count = {digit: "".join(values).count(digit) for digit in "0123456789"}
    with served(out) as server:
        page = begun(opened, server, mode=1)
        says(page, "digit", "0")
        assert page.locator(".tile:visible").count() == count["0"]
        assert page.evaluate("getComputedStyle(tiles[0]).backgroundImage").startswith('url("blob:')
        press(page, "ArrowRight", "ArrowRight", "ArrowDown", "Space")
        page.locator(".tile").nth(3).click()
        page.locator(".tile").nth(4).click()
        press(page, "x")  # and unmarked
        assert part(page, "marked") == "✗ 2 marked"
        page.reload()
        shows(page, "carpet")
        says(page, "marked", "2 marked")
        press(page, "Enter")
        says(page, "digit", "1")
        press(page, "z")
        says(page, "digit", "0")
        assert part(page, "marked") == "none marked"
        page.locator(".tile").nth(0).click()
        press(page, "Enter")
        for digit in "123456789":
            says(page, "digit", digit)
            press(page, "Enter")
        shows(page, "done")
        assert part(page, "done-title") == "All of this is done"
        press(page, "Enter")
        says(page, "overview", "0 of 31")
    assert "1 accepted fields wait for" in (out / "report.html").read_text(encoding="utf-8")
    assert "are open" in called("export", out).stderr
    with served(out) as server:
        while (item := server.next()) is not None:
            odd = item["reason"] == "marked on a carpet"
            assert server.decide(item, "value", "123" if odd else item["value"])[0] == 200
    rows = exported(out)
    assert sum(row["value"] == "123" for row in rows.values()) == 1
    assert sum(row["source"] == "machine" for row in rows.values()) == 59


def test_an_audit_is_keyed_blind_and_told(tmp_path: Path, opened: Opened) -> None:
    scans = [made.usual(f"{i}.png", value=f"{i:03}", path=tmp_path / f"{i}.png") for i in range(10)]
    out = made.run(tmp_path / "out", scans)
    with served(out, "--sample", "12", "--seed", "3") as server:
        page = begun(opened, server, mode=2)
        wrong = ""
        before = ""
        while now := seen(page, before):
            file, field, _, before = now
            assert page.locator("[data-said]").is_hidden()
            told = page.evaluate("trail[at]")
            assert [told[name] for name in ("value", "raw", "candidates", "reason")] == ["", "?", [], ""]
            press(page, "Enter")
            assert "Type what stands there" in part(page, "hint")
            right = f"{int(file.split('.')[0]):03}" if field == "district" else ""
            if right and not wrong:
                wrong, right = file, "555"
            press(page, *(right or "b"), *(["Enter"] if right else []))
        press(page, "Enter")
        says(page, "figure", "1 of 12 accepted fields drawn from 20 are wrong, 1 of them not settled yet")
        items = list(iter(lambda: settled(server), None))
        assert [item["reason"] for item in items].count("audit: 555") == 1
        assert server.ask("/api/overview")[1]["figure"].startswith(
            "Audit: 0 of 12 accepted fields drawn from 20"
        )
    assert "Audit: 0 of 12 accepted fields drawn from 20" in (out / "report.html").read_text(encoding="utf-8")
    rows = exported(out)
    assert rows[wrong.split(",")[0], "district"]["source"] == "person"
    assert sum(row["source"] == "machine" for row in rows.values()) == 19


def test_two_key_a_field_and_a_third_decides(tmp_path: Path, opened: Opened) -> None:
    scans = [made.usual(f"{i}.png", value=f"00{i}", path=tmp_path / f"{i}.png") for i in range(3)]
    out = made.run(tmp_path / "out", scans)
    assert called("review", out, "--double", "distrikt").stderr.endswith("did you mean district?\n")
    with served(out, "--double", "district") as server:
        ada = begun(opened, server, "Ada", mode=3)
        for _ in range(3):
            decide(ada, "Enter")
        assert "wait for another person" in part(ada, "done-told")
        again = begun(opened, server, " ada ", mode=3)
        assert "wait for another person" in part(again, "done-told")
        bea = begun(opened, server, "Bea", mode=3)
        assert bea.locator("[data-said]").is_hidden()
        assert bea.evaluate("trail[at].value + trail[at].raw + trail[at].reason") == "?"
        for typed in ("000", "009", "002"):
            decide(bea, *typed, "Enter")
        cem = begun(opened, server, "Cem", mode=3)
        assert part(cem, "reason") == "keyed differently: Ada 001 and Bea 009"
        decide(cem, "8", "0", "0", "Enter")
        assert part(cem, "done-title") == "All of this is done"
    with served(out) as server:
        assert server.ask("/api/overview")[1]["keying"] == {"done": 3, "of": 3}
        while settled(server):
            pass
    rows = [row for row in exported(out, "--history").values() if row["field"] == "district"]
    assert sorted((row["value"], row["source"], row["who"]) for row in rows) == [
        ("000", "agreed", "Ada, Bea"),
        ("002", "agreed", "Ada, Bea"),
        ("800", "person", "Cem"),
    ]


def test_two_at_once_are_not_asked_the_same(tmp_path: Path, opened: Opened) -> None:
    out = made.run(tmp_path / "out", [made.usual(f"{i}.png", i / 20) for i in range(20)])
    asked: dict[str, list[str]] = {"Ada": [], "Bea": []}
    with served(out) as server:
        pages = {who: begun(opened, server, who) for who in asked}
        going = dict.fromkeys(asked, "")
        while going:
            for who, before in list(going.items()):
                now = seen(pages[who], before)
                if now is None:
                    del going[who]
                    continue
                asked[who].append(now[0])
                going[who] = now[3]
                press(pages[who], "Enter")
    assert len(set(asked["Ada"] + asked["Bea"])) == len(asked["Ada"] + asked["Bea"]) == 20
    assert min(map(len, asked.values())) > 5
    with decisions.opened(out) as store:
        assert {e.who: e.shown for e in store.entries()} == {"Ada": "41", "Bea": "41"}


def test_nothing_is_lost_by_reload_or_kill(tmp_path: Path, opened: Opened) -> None:
    out = made.run(tmp_path / "out", [made.usual(f"{i}.png", i / 30) for i in range(30)])
    stored: dict[str, str] = {}
    page = None
    for turn in range(3):
        with served(out) as server:
            page = begun(opened, server)
            for number in range(3):
                file = seen(page)[0]
                assert file not in stored
                stored[file] = f"{turn}{number}"
                decide(page, *stored[file], "Enter")
            shown = seen(page)[0]
            page.reload()
            assert (seen(page)[0], part(page, "count")) == (shown, f"{len(stored)} of 30 done")
            server.process.kill()
            server.process.wait()
            press(page, "5", "Enter")
            says(page, "hint", "does not answer")
            assert page.locator("[data-input]").input_value() == "5"
            page.context.close()
    with decisions.opened(out) as store:
        kept = {f"{e.file}, page 1": e.value for e in store.entries()}
    assert kept == stored


def test_a_kill_in_the_midst_of_requests_loses_no_answered_one(tmp_path: Path) -> None:
    out = made.run(tmp_path / "out", [made.usual(f"{i}.png", i / 200) for i in range(200)])
    answered: dict[str, str] = {}
    for turn in range(3):
        with served(out) as server:
            item = server.next()
            for number in range(5 + 7 * turn):
                status, answer = server.decide(item, "value", f"{turn}{number}")
                assert status == 200
                answered[item["file"]] = f"{turn}{number}"
                item = answer["next"]["item"]
            sent = {"mode": "doubtful", "key": {k: item[k] for k in Key._fields}}
            body = json.dumps({**sent, "state": "value", "value": "99", "seen": item["seen"]}).encode()
            server.raw_and_kill("/api/decide", body)
    with decisions.opened(out) as store:
        kept = {e.file: e.value for e in store.entries()}
    assert answered.items() <= kept.items()
    assert set(kept.values()) - set(answered.values()) <= {"99"}
    assert len(kept) <= len(answered) + 3


def test_hostile_texts_do_nothing(tmp_path: Path, opened: Opened) -> None:
    name = f"=1+1{SCRIPT.replace('/', '')}.pdf"
    evil = made.usual(name)
    Pillow.fromarray(made.picture(evil.readings)).save(tmp_path / name, title=SCRIPT, author=SCRIPT)
    content = (tmp_path / name).read_bytes()
    ref = replace(evil.ref, path=tmp_path / name, sha256=hashlib.sha256(content).hexdigest())
    out = made.run(tmp_path / "out", [replace(evil, ref=ref)])
    with served(out) as server:
        who = f"=cmd{SCRIPT}"[:80]
        page = begun(opened, server, who)
        assert "<img src=x" in part(page, "file")
        press(page, "p", "p")
        decide(page, "4", "Enter")
        page.reload()
        page.wait_for_timeout(200)
        assert page.title() == "digitscan review"
    with decisions.opened(out) as store:
        (entry,) = store.entries()
        for more in ({"value": SCRIPT}, {"who": SCRIPT, "state": "open"}):
            known = {f: getattr(entry, f) for f in entry.__dataclass_fields__}
            store.decide(decisions.Entry(**{**known, **more}))
    with served(out, "--double", "district", "--sample", "2") as server:
        for number, somebody in enumerate((who, "@Eve")):
            by = server.by(somebody)
            assert by.decide(by.next("keying"), "value", f"{number}", "keying")[0] == 200
        page = begun(opened, server, "Bea", mode=3)
        assert "<img src=x" in part(page, "reason")
        seen(page)
        assert page.evaluate(WIDTH) > 100
        press(page, "Escape")
        press(page, "z")
        for mode in range(4):
            page.goto(server.address)
            page.reload()
            page.wait_for_selector("[data-overview]:visible, [data-work]:visible, [data-done]:visible")
            press(page, "Escape")
            page.wait_for_selector("[data-overview]:visible")
            page.locator("[data-mode]").nth(mode).click()
            page.wait_for_timeout(200)
            assert page.title() == "digitscan review"
    done = called("export", out, "--history", "--with-open")
    assert done.returncode == 0, done.stderr
    for name in ("final.csv", "history.csv"):
        with (out / name).open(encoding="utf-8", newline="") as file:
            assert not any(cell.startswith(("=", "+", "-", "@")) for row in csv.reader(file) for cell in row)


def test_what_does_not_fit_is_refused_and_what_is_odd_asked_about_once(
    tmp_path: Path, opened: Opened
) -> None:
    made.run(tmp_path, [made.usual(f"{name}.png") for name in "ab"], [made.form(tmp_path)])
    with served(tmp_path) as server:
        item = server.next()
        told = "00041 has 5 digits, and the form has room for 4: key what stands there."
        assert server.decide(item, "value", "00041") == (400, {"told": told})
        page = begun(opened, server)
        before = seen(page)[3]
        press(page, *"00041", "Enter")
        says(page, "hint", "There is room for 4 digits at most.")
        press(page, "Backspace", "Enter")
        says(page, "hint", "The form does not list that value. Keep 0004? Enter keeps it.")
        press(page, "Enter")
        seen(page, before)
    with decisions.opened(tmp_path) as store:
        assert [e.value for e in store.entries()] == ["0004"]


def test_somebody_was_quicker(tmp_path: Path, opened: Opened) -> None:
    out = made.run(tmp_path / "out", [made.usual(f"{name}.png", 0.5) for name in "ab"])
    with served(out) as server:
        page = begun(opened, server)
        seen(page)
        item = page.evaluate("trail[at]")
        assert server.by("Bea").decide(item, "value", "12")[0] == 200
        press(page, "9", "Enter")
        says(page, "hint", "Somebody has decided")
        assert part(page, "count") == "1 of 2 done"
    with decisions.opened(out) as store:
        assert [(e.who, e.value) for e in store.entries()] == [("Bea", "12")]


def test_undo_and_moving_about(tmp_path: Path, opened: Opened) -> None:
    out = made.run(tmp_path / "out", [made.usual(f"{name}.png", 0.5) for name in "abc"])
    with served(out) as server:
        page = begun(opened, server)
        files = [seen(page)[0]]
        press(page, "z")
        says(page, "hint", "nothing of yours")
        decide(page, "1", "Enter")
        files.append(seen(page)[0])
        decide(page, "s")
        files.append(seen(page)[0])
        assert len(set(files)) == 3
        press(page, "ArrowUp")
        says(page, "state", "✓ 1")
        decide(page, "2", "Enter")
        assert seen(page)[0] == files[2]
        before = seen(page)[3]
        press(page, "z")
        assert seen(page, before)[0] == files[0]
        assert part(page, "state") == "Ada: 1"
        press(page, "p")
        page.wait_for_selector("[data-page] .spot")
        press(page, "Escape", "Escape")
        page.wait_for_selector("[data-overview]")
    with decisions.opened(out) as store:
        said = store.entries()
    assert [(e.value, bool(e.undone_at)) for e in said] == [("1", False), ("2", True)]
    assert (said[1].was_value, said[1].was_who, said[0].was_state) == ("1", "Ada", "open")


def test_one_server_at_a_time_and_only_where_a_run_is(tmp_path: Path) -> None:
    out = made.run(tmp_path / "out", [made.usual("a.png")])
    with served(out) as server:
        second = called("review", out)
        assert (second.returncode, "another `digitscan review`" in second.stderr) == (4, True)
        taken = made.run(tmp_path / "other", [made.usual("a.png")])
        third = called("review", taken, "--port", str(server.port))
        assert (third.returncode, "choose another --port" in third.stderr) == (2, True)
    assert called("review", tmp_path).returncode == 2
    assert not (tmp_path / journal.NAME).exists()


def test_pictures_of_scans_that_are_gone(tmp_path: Path, opened: Opened) -> None:
    out = made.run(tmp_path / "out", [made.usual("a.png", path=tmp_path / "a.png")])
    (tmp_path / "a.png").unlink()
    with served(out) as server:
        page = opened("about:blank")
        page.goto(server.address)
        page.keyboard.type("Ada")
        press(page, "Enter", "ArrowDown", "Enter")
        page.wait_for_selector("[data-done]:visible")
        assert "The scans of 1 pages are gone or changed" in part(page, "done-told")
        item = server.next("audit")
        asked = "&".join(f"{k}={item[k]}" for k in Key._fields)
        status, answer = server.ask(f"/api/view?{asked}&of=field")
        assert (status, answer["told"]) == (410, "The scan cannot be shown: a.png is not where it was read.")
