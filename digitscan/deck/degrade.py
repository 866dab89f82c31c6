"""What scanners, fax machines and phones do to a page.

Every preset takes a grey page (uint8, height x width, paper light) and its dpi, and gives one of the
same size and type; bilevel ones hold only 0 and 255.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.records import Image

Rng = np.random.Generator
Preset = Callable[[Image, float, Rng], Image]


def clean(page: Image, _dpi: float, rng: Rng) -> Image:
    """As a good flatbed gives it after its own clean-up: nearly straight, white paper, no noise."""
    return _tilted(page, 0.3, 0.001, 255, rng)


def scanner_grey(page: Image, dpi: float, rng: Rng) -> Image:
    """An office scanner in grey: skew, paper tone, the back side shining through, dust, blur, noise."""
    paper = _tinted(_with_back_side(page, rng), rng.uniform(224, 250), 2.5, rng)
    tilted = _tilted(_dusty(paper, dpi, rng), 2.0, 0.004, 236, rng)
    lit = _shaded(_blurred(tilted, rng.uniform(0.3, 0.8)), rng.uniform(0, 0.08), rng)
    return _jpeg(_noisy(lit, rng.uniform(1.5, 4.5), rng), int(rng.integers(60, 90)))


def scanner_bilevel(page: Image, dpi: float, rng: Rng) -> Image:
    """The same scanner set to black and white."""
    paper = _tinted(page, rng.uniform(228, 250), 2.0, rng)
    tilted = _tilted(_dusty(paper, dpi, rng), 2.0, 0.004, 240, rng)
    noisy = _noisy(_blurred(tilted, rng.uniform(0.4, 0.8)), rng.uniform(3, 8), rng)
    return _bilevel(noisy, rng.uniform(150, 190))


def fax(page: Image, dpi: float, rng: Rng) -> Image:
    """A fax: coarse optics, ragged edges, paper drawn in unevenly, pepper."""
    drawn_in = _drawn_in_unevenly(_tinted(page, rng.uniform(215, 240), 4.0, rng), dpi, rng)
    tilted = _tilted(_dusty(drawn_in, dpi, rng), 1.2, 0.008, 236, rng)
    black = _bilevel(_noisy(_blurred(tilted, rng.uniform(0.7, 1.1)), rng.uniform(8, 15), rng), 165)
    return np.where(rng.random(page.shape) < rng.uniform(0.0001, 0.0006), 0, black).astype(np.uint8)


def phone(page: Image, dpi: float, rng: Rng) -> Image:
    """A photo by hand: the sheet on a desk in perspective, uneven light, a shadow, soft focus, noise."""
    paper = _tinted(page, rng.uniform(215, 245), 2.5, rng)
    desk = _tinted(np.full_like(page, 255), rng.uniform(50, 120), 8.0, rng)
    lit = _shadowed(_shaded(_on_desk(paper, desk, rng), rng.uniform(0.15, 0.35), rng), dpi, rng)
    soft = _blurred(lit, rng.uniform(0.6, 1.0))
    return _jpeg(_noisy(soft, rng.uniform(2, 5), rng), int(rng.integers(70, 92)))


PRESETS: MappingProxyType[str, Preset] = MappingProxyType(
    {
        "clean": clean,
        "scanner_grey": scanner_grey,
        "scanner_bilevel": scanner_bilevel,
        "fax": fax,
        "phone": phone,
    }
)


def streaked(page: Image, dpi: float, rng: Rng) -> Image:
    """Up to four lines from edge to edge, nearly upright or level: dirt on the scanner's glass, creases."""
    height, width = page.shape
    lined = page.copy()
    level = rng.random() < 0.25
    across, along = (height, width) if level else (width, height)
    for _ in range(int(rng.integers(1, 5))):
        place = rng.uniform(0.03, 0.97) * across
        lean = rng.normal(0, 0.004) * along
        ends = [(place - lean / 2, -1.0), (place + lean / 2, along + 1.0)]
        first, last = ([round(v * 16) for v in (end[::-1] if level else end)] for end in ends)
        thick = max(1, round(rng.uniform(0.1, 0.5) * dpi / 25.4))
        line = np.full_like(page, 255)
        cv2.line(line, first, last, int(rng.integers(20, 170)), thick, cv2.LINE_AA, 4)
        np.minimum(lined, line, out=lined)
    return lined


def _tilted(page: Image, most: float, stretch: float, border: int, rng: Rng) -> Image:
    """Turned by up to `most` degrees, stretched by about `stretch`, shifted a little, on a light bed."""
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-most, most), 1.0)
    around = np.array([width / 2, height / 2])
    grow = np.diag(1 + rng.normal(0, stretch, 2))
    matrix[:, 2] = grow @ (matrix[:, 2] - around) + around + rng.uniform(-0.004, 0.004, 2) * width
    matrix[:, :2] = grow @ matrix[:, :2]
    turned = cv2.warpAffine(page, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=border)
    return np.asarray(turned, np.uint8)


def _tinted(page: Image, tone: float, grain: float, rng: Rng) -> Image:
    """Paper of a grey tone with coarse clouds and fine fibres, `grain` grey levels strong."""
    height, width = page.shape
    texture = grain * (0.6 * _clouds(height, width, 9, rng) + 0.4 * _clouds(height, width, 2, rng))
    return _grey(page.astype(np.float32) * ((tone + texture) / 255))


def _clouds(height: int, width: int, size: int, rng: Rng) -> NDArray[np.float32]:
    coarse = rng.standard_normal((height // size + 2, width // size + 2), np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _with_back_side(page: Image, rng: Rng) -> Image:
    """The sheet's back shining through on one page in three: a like page, mirrored, blurred, pale."""
    if rng.random() > 1 / 3:
        return page
    back = np.roll(np.fliplr(page), (int(rng.integers(20, 60)), int(rng.integers(-40, 40))), (0, 1))
    pale = (255 - cv2.GaussianBlur(back, (0, 0), 2.0).astype(np.float32)) * rng.uniform(0.05, 0.12)
    return _grey(page.astype(np.float32) - pale)


def _dusty(page: Image, dpi: float, rng: Rng) -> Image:
    """A few specks and now and then a hair."""
    dusty = page.copy()
    height, width = page.shape
    for _ in range(int(rng.integers(3, 25))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = tuple(int(v) for v in rng.uniform(0.03, 0.16, 2) * dpi / 25.4 + 0.5)
        cv2.ellipse(dusty, centre, axes, rng.uniform(0, 180), 0, 360, int(rng.integers(40, 170)), -1)
    if rng.random() < 0.3:
        start = rng.uniform(0.1, 0.9, 2) * [width, height]
        path = start + np.cumsum(rng.normal(0, 0.35 * dpi / 25.4, (14, 2)), axis=0)
        cv2.polylines(dusty, [np.rint(path).astype(np.int32)], False, 120, 1, cv2.LINE_AA)
    return dusty


def _blurred(page: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(page, (0, 0), sigma), np.uint8)


def _noisy(page: Image, sigma: float, rng: Rng) -> Image:
    return _grey(page + sigma * rng.standard_normal(page.shape, np.float32))


def _shaded(page: Image, strength: float, rng: Rng) -> Image:
    """Darker towards one side by `strength`, as a lamp that stands on the other."""
    height, width = page.shape
    angle = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None] * np.cos(angle)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * np.sin(angle)
    return _grey(page * (1 - strength * (across + down + 0.5)).clip(0, 1))


def _shadowed(page: Image, dpi: float, rng: Rng) -> Image:
    """The soft shadow of a hand or a head over one side."""
    height, width = page.shape
    middle = np.array([rng.choice([0, width]), rng.uniform(0.3, 1.0) * height])
    axes = (int(rng.uniform(0.25, 0.6) * width), int(rng.uniform(0.2, 0.5) * height))
    small = np.zeros((height // 8, width // 8), np.float32)
    cv2.ellipse(small, [int(v) // 8 for v in middle], [v // 8 for v in axes], 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(small, (0, 0), 0.06 * dpi)
    shadow = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return _grey(page * (1 - rng.uniform(0.15, 0.4) * shadow))


def _on_desk(page: Image, desk: Image, rng: Rng) -> Image:
    """The sheet seen at an angle, all of it in the picture."""
    height, width = page.shape
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    inset = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.uniform(0.015, 0.07, (4, 2))
    matrix = cv2.getPerspectiveTransform(
        corners * np.array([width, height], np.float32),
        ((corners + inset) * [width, height]).astype(np.float32),
    )
    sheet = cv2.warpPerspective(page, matrix, (width, height), flags=cv2.INTER_CUBIC)
    there = cv2.warpPerspective(np.full_like(page, 255), matrix, (width, height)).astype(np.float32) / 255
    return _grey(sheet * there + desk * (1 - there))


def _drawn_in_unevenly(page: Image, dpi: float, rng: Rng) -> Image:
    """Rows shifted along the paper's way by up to half a millimetre, as by a slipping roller."""
    height, width = page.shape
    knots = np.cumsum(rng.normal(0, 0.12 * dpi / 25.4, 12))
    shift = np.interp(np.arange(height), np.linspace(0, height, 12), knots - knots.mean())
    y = np.repeat((np.arange(height) + shift).astype(np.float32)[:, None], width, axis=1)
    x = np.repeat(np.arange(width, dtype=np.float32)[None], height, axis=0)
    return np.asarray(cv2.remap(page, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _bilevel(page: Image, threshold: float) -> Image:
    return np.where(page > threshold, np.uint8(255), np.uint8(0))


def _jpeg(page: Image, quality: int) -> Image:
    _, content = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)


def _grey(values: NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
