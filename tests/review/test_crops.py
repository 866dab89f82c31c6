"""Pictures of fields, from the journal and from scans."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from digitscan.errors import PageError
from digitscan.records import Image
from digitscan.review import crops, queue
from tests.review import made


def decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def test_doubtful_fields_are_seen_without_the_scan(tmp_path: Path) -> None:
    made.run(tmp_path, [made.usual("a.png")])
    with queue.opened(tmp_path) as book:
        (item,) = queue.doubtful(book)
        assert decoded(crops.field_view(book, item)).min() < 60
        assert decoded(crops.page_view(book, item.page)).shape == (200, 300)


def test_accepted_fields_are_cut_from_the_scan_while_it_is_the_same(tmp_path: Path) -> None:
    scan = tmp_path / "a.png"
    made.run(tmp_path / "out", [made.usual("a.png", path=scan)])
    with queue.opened(tmp_path / "out") as book:
        item = next(queue.fields(book))
        assert decoded(crops.field_view(book, item)).min() < 60
        scan.write_bytes(scan.read_bytes() + b"\n")
        with pytest.raises(PageError, match="changed"):
            crops.field_view(book, item)
        scan.unlink()
        with pytest.raises(PageError, match="not where it was"):
            crops.field_view(book, item)


def test_another_file_in_the_place_of_the_scan_is_not_shown(tmp_path: Path) -> None:
    scan, secret = tmp_path / "a.png", tmp_path / "secret.png"
    made.run(tmp_path / "out", [made.usual("a.png", path=scan)])
    made.usual("secret.png", value="123", path=secret)
    scan.unlink()
    scan.symlink_to(secret)
    with queue.opened(tmp_path / "out") as book, pytest.raises(PageError):
        crops.field_view(book, next(queue.fields(book)))


def test_glyphs_stand_side_by_side(tmp_path: Path) -> None:
    scan = tmp_path / "a.png"
    made.run(tmp_path / "out", [made.usual("a.png", path=scan)])
    with queue.opened(tmp_path / "out") as book:
        item = next(queue.fields(book))
    sheet = decoded(crops.glyph_sheet([(item.page, d.box) for d in item.reading.digits], columns=2))
    assert sheet.shape == (2 * crops.TILE, 2 * crops.TILE)
    tiles = [sheet[y : y + crops.TILE, x : x + crops.TILE] for y in (0, crops.TILE) for x in (0, crops.TILE)]
    assert [tile.min() < 60 for tile in tiles] == [True, True, True, False]
