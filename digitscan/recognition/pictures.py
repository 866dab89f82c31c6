"""Single pictures of one digit each: what `digitscan classify` reads."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from digitscan.errors import PageError
from digitscan.recognition.classifier import Classifier
from digitscan.records import Image
from digitscan.vision.glyphs import fit, from_picture, light_on_dark, squeeze

Preprocess = Literal["fit", "resize"]

LARGEST = 50_000_000
"""Pixels; a picture of one digit that has more is a mistake or an attack."""


@dataclass(frozen=True, slots=True)
class PictureReading:
    """The two most probable classes of a picture: `0`-`9`, `crossed` or `other`."""

    digit: str
    confidence: float
    alternative: str
    alternative_confidence: float


def classify_picture(path: Path, classifier: Classifier, preprocess: Preprocess = "fit") -> PictureReading:
    """Read the digit on a picture file, dark on light or light on dark.

    `fit` finds the ink and fits it as MNIST was made; `resize` squeezes the whole picture into 28x28, the
    naive way. Raises `PageError` for a file that is missing, unreadable, damaged, or shows nothing.
    """
    glyph = to_glyph(read_grey(path), preprocess)
    if not glyph.any():
        raise PageError("read", "the picture is empty")
    probabilities = classifier(glyph[None])[0]
    second, best = (int(index) for index in np.argsort(probabilities, kind="stable")[-2:])
    return PictureReading(
        classifier.classes[best],
        float(probabilities[best]),
        classifier.classes[second],
        float(probabilities[second]),
    )


def to_glyph(picture: Image, preprocess: Preprocess = "fit") -> Image:
    """A grey picture (uint8, height x width) as the network wants it: uint8 28x28, white on black."""
    if preprocess == "fit":
        return fit(from_picture(picture))
    return squeeze(picture if light_on_dark(picture) else np.asarray(255 - picture, np.uint8))


def read_grey(path: Path) -> Image:
    """The grey levels of a picture file, uint8, height x width; `PageError` says why it cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PageError("open", (error.strerror or "cannot be read").lower()) from error
    if not content:
        raise PageError("open", "the file is empty")
    try:
        # OpenCV reads truncated files without a word; Pillow notices.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd tag is no fault of the picture
            with Pillow.open(io.BytesIO(content)) as opened:
                if opened.width * opened.height > LARGEST:
                    raise PageError(
                        "decode", f"{opened.width}x{opened.height} pixels are too many for one digit"
                    )
                opened.load()
                clear = "A" in opened.getbands() or "transparency" in opened.info
                flat = _on_white(opened) if clear else None
    except PageError:
        raise
    except UnidentifiedImageError:
        raise PageError("decode", "not a readable picture (of no known kind, or damaged)") from None
    except Exception as error:  # Pillow raises almost anything on hostile files
        raise PageError("decode", f"not a readable picture ({error})") from error
    if flat is not None:
        return flat
    grey = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None or grey.size == 0:
        raise PageError("decode", "not a picture of a known kind")
    return np.asarray(grey, np.uint8)


def _on_white(picture: Pillow.Image) -> Image:
    """A picture with transparent parts, laid on white paper."""
    colours = picture.convert("RGBA")
    paper = Pillow.new("RGBA", colours.size, "white")
    return np.asarray(Pillow.alpha_composite(paper, colours).convert("L"), np.uint8)
