"""The picture at the head of the README: part of a sample scan beside the rows that came of it.

Run `make run` first, then `.venv/bin/python docs/images/example.py`.
"""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from digitscan.records import PageRef
from digitscan.vision import pages

ROOT = Path(__file__).resolve().parents[2]
SCAN = "006_single.jpg"
ROWS = (2, 3, 4)
COLUMNS = ("age", "birth_year", "occupation")
SHOWN = ("field", "value", "raw", "confidence", "status", "reason")
MARGIN = 30
WIDTH = 700
GREEN, RED, GREY = (0, 100, 40), (190, 0, 0), (90, 90, 90)


def main() -> None:
    """Write example.png beside this file."""
    wanted = [f"person[{row}].{column}" for row in ROWS for column in COLUMNS]
    boxes = [
        [int(row[key]) for key in ("x", "y", "width", "height")]
        for row in rows("digits.csv")
        if row["field"] in wanted
    ]
    readings = [row for row in rows("fields.csv") if row["field"] in wanted]
    scan = cropped(np.array(boxes))
    table = drawn(readings, scan.height)
    both = Pillow.new("RGB", (scan.width + table.width, scan.height), "white")
    both.paste(scan, (0, 0))
    both.paste(table, (scan.width, 0))
    both.quantize(64).save(Path(__file__).with_name("example.png"), optimize=True)


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the files in out/ that belong to the scan."""
    with (ROOT / "out" / name).open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["file"] == SCAN]


def cropped(boxes: np.ndarray) -> Pillow.Image:
    """The part of the scan around boxes (n x 4: x, y, width, height)."""
    page = pages.read_page(
        PageRef(ROOT / "sample_scans" / SCAN, SCAN, 1, ""), resolution=200, size=(210, 297)
    )
    low = boxes[:, :2].min(axis=0) - np.array([MARGIN, 2 * MARGIN])
    high = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) + MARGIN
    part = Pillow.fromarray(page.image[max(0, low[1]) : high[1], max(0, low[0]) : high[0]])
    return part.convert("RGB").resize((WIDTH, round(part.height * WIDTH / part.width)))


def drawn(readings: list[dict[str, str]], height: int) -> Pillow.Image:
    """The rows as a table, what goes to review in red."""
    step = height / (len(readings) + 2)
    typeface = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSansMono.ttf")
    font = ImageFont.truetype(typeface, round(0.66 * step))
    cells = [[row[key] for key in SHOWN] for row in readings]
    widths = [max(len(cell) for cell in column) for column in zip(SHOWN, *cells, strict=True)]
    lines = [(GREY, list(SHOWN))]
    lines += [
        (RED if row["status"] == "review" else GREEN, cell) for row, cell in zip(readings, cells, strict=True)
    ]
    texts = [(colour, "  ".join(map(str.ljust, cell, widths))) for colour, cell in lines]
    picture = Pillow.new("RGB", (MARGIN + round(font.getlength(texts[0][1])) + MARGIN, height), "white")
    pen = ImageDraw.Draw(picture)
    for number, (colour, text) in enumerate(texts):
        pen.text((MARGIN, (number + 0.5) * step), text, fill=colour, font=font)
    return picture


if __name__ == "__main__":
    main()
