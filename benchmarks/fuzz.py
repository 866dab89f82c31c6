"""Spoilt files and form definitions, read until the time is over: only refusals with a reason may come out.

    python -m benchmarks.fuzz [--seconds S] [--seed N] [--output DIR]

Each case is made from its number alone. What crashes, hangs, outgrows its memory or raises anything else is
kept in the output directory, and the exit code is 1: it should become a test.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from digitscan.batch.executors import Lost, executor
from digitscan.errors import FormError, PageError
from digitscan.forms import load_form
from digitscan.records import PageRef
from digitscan.vision import pages

ROOT = Path(__file__).parents[1]
SECONDS = 30.0
"""Of one case, as in a run."""
MEMORY = 1 << 30
_PAGES = 3
"""Of a file that are read."""
_SIDE = 400
"""Pixels of the longer side of the pictures that are spoilt: small ones are quick."""
_DRAWN = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 280]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 71>>stream
BT /F 24 Tf 20 200 Td (12 345) Tj ET 10 10 180 260 re S 20 20 m 90 90 l S
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
startxref
0
%%EOF
"""
"""A page that poppler has to draw."""


@cache
def samples() -> tuple[tuple[str, bytes], ...]:
    """Suffix and content of good files: forms, then pages."""
    forms = [(path.suffix, path.read_bytes()) for path in sorted((ROOT / "configs").glob("*.toml"))]
    page = Pillow.open(ROOT / "sample_scans" / "004_flatbed.png").convert("L")
    page.thumbnail((_SIDE, _SIDE))
    bilevel, colour = page.convert("1"), page.convert("RGB")
    made = [
        *((".jpg", _saved(p, "JPEG", dpi=(100, 100))) for p in (page, colour)),
        *((".png", _saved(p, "PNG")) for p in (page, bilevel, page.convert("P"))),
        *((".pdf", _saved(p, "PDF", append_images=[p], save_all=True)) for p in (page, bilevel, colour)),
        *((f".{kind.lower()}", _saved(page, kind)) for kind in ("GIF", "BMP", "WEBP", "AVIF", "PPM")),
        (".jp2", _saved(page, "JPEG2000")),
        *((".tif", _tiff(bilevel, way)) for way in ("group3", "group4")),
        *((".tif", _tiff(page, way)) for way in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg")),
        (".pdf", _DRAWN),
    ]
    return (*forms, *made)


def _saved(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _tiff(picture: Pillow.Image, way: str) -> bytes:
    return _saved(picture, "TIFF", compression=way, append_images=[picture], save_all=True)


def spoilt(number: int) -> tuple[str, bytes]:
    """Suffix and content of a case."""
    chance = np.random.default_rng(number)
    known = samples()
    suffix, content = known[chance.integers(len(known))]
    for _ in range(chance.integers(1, 6)):
        way = _WAYS[chance.integers(len(_WAYS))]
        content = bytes(way(bytearray(content), chance)) or content
    return suffix, content


def _flip(content: bytearray, chance: np.random.Generator) -> bytearray:
    content[_place(content, chance)] ^= 1 << int(chance.integers(8))
    return content


def _overwrite(content: bytearray, chance: np.random.Generator) -> bytearray:
    start = _place(content, chance)
    content[start : start + 8] = chance.bytes(min(8, len(content) - start))
    return content


def _extreme(content: bytearray, chance: np.random.Generator) -> bytearray:
    """A number of the file, in bytes or in digits, is made a border case."""
    numbers = [
        b"\0\0",
        b"\xff\xff",
        b"\xff\xff\xff\x7f",
        b"\x7f\xff\xff\xff",
        b"-1",
        b"0",
        b"99999999999",
        b"1e9",
    ]
    start = _place(content, chance)
    chosen = numbers[chance.integers(len(numbers))]
    if chosen[:1] in b"-019" and (digits := [i for i, b in enumerate(content) if 48 <= b <= 57]):
        start = digits[chance.integers(len(digits))]
        content[start : start + 1] = chosen
    else:
        content[start : start + len(chosen)] = chosen
    return content


def _cut(content: bytearray, chance: np.random.Generator) -> bytearray:
    return content[: _place(content, chance)]


def _lose(content: bytearray, chance: np.random.Generator) -> bytearray:
    start = _place(content, chance)
    del content[start : start + int(chance.integers(1, 64))]
    return content


def _blank(content: bytearray, chance: np.random.Generator) -> bytearray:
    start = _place(content, chance)
    length = min(int(chance.integers(1, 4096)), len(content) - start)
    content[start : start + length] = bytes(length)
    return content


def _repeat(content: bytearray, chance: np.random.Generator) -> bytearray:
    start, goal = _place(content, chance), _place(content, chance)
    content[goal:goal] = content[start : start + int(chance.integers(1, 512))]
    return content


_WAYS: tuple[Callable[[bytearray, np.random.Generator], bytearray], ...] = (
    *(_flip, _overwrite, _extreme, _extreme),
    *(_cut, _lose, _blank, _repeat),
)


def _place(content: bytearray, chance: np.random.Generator) -> int:
    """Anywhere, but more often near the beginning or the end, where the structure is."""
    nearness = float(chance.random()) ** int(chance.integers(1, 5))
    place = int(nearness * len(content))
    return min(place if chance.random() < 0.7 else len(content) - 1 - place, len(content) - 1)


def reader(folder: Path) -> Callable[[int], str]:
    """Reads a case; says `read`, `refused`, or what went wrong."""
    cv2.setNumThreads(1)
    return partial(_read, folder)


def _read(folder: Path, number: int) -> str:
    suffix, content = spoilt(number)
    path = folder / f"{number}{suffix}"
    path.write_bytes(content)
    try:
        if suffix == ".toml":
            load_form(path)
            return "read"
        for page in range(1, min(pages.count_pages(content), _PAGES) + 1):
            image = pages.read_page(PageRef(path, path.name, page, ""), resolution=100, size=(210, 297)).image
            assert image.dtype == np.uint8 and image.ndim == 2 and image.size
    except (PageError, FormError) as error:
        assert str(error).strip()
        return "refused"
    except MemoryError:
        raise
    except Exception:
        return traceback.format_exc()
    finally:
        path.unlink()
    return "read"


def found(seconds: float, seed: int, workers: int = 1) -> tuple[Counter[str], dict[int, str]]:
    """How many cases were read and refused in that time, and what went wrong at which."""
    until = time.monotonic() + seconds

    def cases() -> Iterator[int]:
        for number in count(seed):
            if time.monotonic() > until:
                return
            yield number

    tally: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    with tempfile.TemporaryDirectory() as aside:
        make = partial(reader, Path(aside))
        with executor(make, workers=workers, seconds=SECONDS, memory=MEMORY) as each:
            for number, outcome in each(cases()):
                if isinstance(outcome, Lost):
                    wrong[number] = outcome.reason
                elif outcome in ("read", "refused"):
                    tally[outcome] += 1
                else:
                    wrong[number] = outcome
    return tally, wrong


def main() -> int:
    """Read cases and print what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "fuzz", help="for what goes wrong")
    given = parser.parse_args()
    tally, wrong = found(given.seconds, given.seed)
    for number, said in sorted(wrong.items()):
        suffix, content = spoilt(number)
        given.output.mkdir(parents=True, exist_ok=True)
        path = given.output / f"{number}{suffix}"
        path.write_bytes(content)
        print(f"{path}: {said}")  # noqa: T201
    print(f"{tally['read']} read, {tally['refused']} refused, {len(wrong)} went wrong")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
