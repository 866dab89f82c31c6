"""Pictures of fields, from the journal and from scans."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitscan.errors import PageError
from digitscan.records import Box, Image, PageResult
from digitscan.review import crops, queue
from digitscan.review.crops import Scans
from tests.review import made


def decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def accepted(out: Path) -> PageResult:
    with queue.opened(out) as book:
        item = next(queue.fields(book))
        page = book.page(item.key.sha256, item.key.page)
    assert page is not None
    return page


def test_a_page_is_cut_from_its_scan_while_that_is_the_same(tmp_path: Path) -> None:
    scan = tmp_path / "a.png"
    page = accepted(made.run(tmp_path / "out", [made.usual("a.png", path=scan)]))
    cuttings = Scans().cuttings(page)
    assert set(cuttings.fields) == set(made.NAMES)
    assert decoded(cuttings.fields["district"]).min() < 60
    assert decoded(cuttings.page).shape == (200, 300)
    scan.write_bytes(scan.read_bytes() + b"\n")
    with pytest.raises(PageError, match="changed"):
        Scans().cuttings(page)
    scan.unlink()
    with pytest.raises(PageError, match="not where it was"):
        Scans().cuttings(page)


def test_a_page_that_was_read_as_its_negative_is_shown_as_that(tmp_path: Path) -> None:
    usual = made.usual("a.png", path=tmp_path / "a.png")
    negative = 255 - made.picture(usual.readings)
    content = bytes(cv2.imencode(".png", negative)[1])
    (tmp_path / "a.png").write_bytes(content)
    ref = replace(usual.ref, sha256=hashlib.sha256(content).hexdigest())
    page = accepted(made.run(tmp_path / "out", [replace(usual, ref=ref, negative=True)]))
    cuttings = Scans().cuttings(page)
    shown = [decoded(cuttings.page), decoded(cuttings.fields["district"]), *cuttings.glyphs.values()]
    assert len(shown) > 3
    assert [np.median(picture) > 200 for picture in shown] == [True] * len(shown)


def test_another_file_in_the_place_of_the_scan_is_not_shown(tmp_path: Path) -> None:
    scan, secret = tmp_path / "a.png", tmp_path / "secret.png"
    page = accepted(made.run(tmp_path / "out", [made.usual("a.png", path=scan)]))
    made.usual("secret.png", value="123", path=secret)
    scan.unlink()
    scan.symlink_to(secret)
    with pytest.raises(PageError):
        Scans().cuttings(page)


def test_a_link_in_the_place_of_its_folder_shows_nothing_else(tmp_path: Path) -> None:
    folder, other = tmp_path / "scans", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    page = accepted(made.run(tmp_path / "out", [made.usual("a.png", path=folder / "a.png")]))
    made.usual("a.png", value="123", path=other / "a.png")
    folder.rename(tmp_path / "away")
    folder.symlink_to(other)
    with pytest.raises(PageError, match="changed"):
        Scans().cuttings(page)


def test_a_page_is_decoded_once(tmp_path: Path) -> None:
    scan = tmp_path / "a.png"
    page = accepted(made.run(tmp_path / "out", [made.usual("a.png", path=scan)]))
    scans = Scans()
    first = scans.cuttings(page)
    scan.unlink()
    assert scans.cuttings(page) is first


def test_glyphs_stand_side_by_side(tmp_path: Path) -> None:
    page = accepted(made.run(tmp_path / "out", [made.usual("a.png", path=tmp_path / "a.png")]))
    sheet = decoded(Scans().sheet([(page, "district", i) for i in (1, 2, 3)], columns=2))
    assert sheet.shape == (2 * crops.TILE, 2 * crops.TILE)
    tiles = [sheet[y : y + crops.TILE, x : x + crops.TILE] for y in (0, crops.TILE) for x in (0, crops.TILE)]
    assert [tile.min() < 60 for tile in tiles] == [True, True, True, False]


def test_of_a_fine_scan_no_stroke_is_lost() -> None:
    image = np.full((900, 900), 255, np.uint8)
    image[:, ::10] = 0  # strokes of one pixel, ten of which become one
    tile = crops._tile(image, Box(200, 200, 457, 457))
    assert abs(int(tile.min()) - 230) < 8
    assert abs(int(tile.max()) - 230) < 8


@pytest.mark.parametrize("at", [(-30, 10), (80, 80), (10, -30), (-500, -500), (500, 500)])
def test_beyond_the_page_there_is_paper(at: tuple[int, int]) -> None:
    image = np.zeros((100, 100), np.uint8)
    for size in (40, 90):
        tile = crops._tile(image, Box(*at, size, size))
        assert tile.shape == (crops.TILE, crops.TILE)
        on_page = all(0 <= edge + size / 2 < 100 for edge in at)
        assert (tile[crops.TILE // 2, crops.TILE // 2] < 128) == on_page
        assert tile.max() == 255


def test_a_glyph_stands_in_the_middle_of_its_tile() -> None:
    image = np.full((200, 200), 255, np.uint8)
    image[60:140, 90:110] = 0
    dark = np.argwhere(crops._tile(image, Box(90, 60, 20, 80)) < 128)
    assert np.abs(dark.mean(axis=0) - (crops.TILE - 1) / 2).max() < 0.6
    assert np.ptp(dark[:, 0]) + 1 == pytest.approx(crops.TILE / (1 + 2 * crops.AROUND_GLYPH), abs=1)
