"""Pages drawn by poppler, in a process that is held to limits of time, memory and what it may write."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from threading import Timer
from typing import BinaryIO

import numpy as np

from digitscan.errors import ACCESS, LIMIT, PageError
from digitscan.records import Image

_SECONDS = 20
"""Less than a page may take, so that it is this process that ends and not the one that reads."""
_MEMORY = 1 << 30
_COMPLAINTS = 1 << 20
"""Bytes; some files make poppler write hundreds of megabytes of them."""
_HEADER = re.compile(rb"P5\s(\d+) (\d+)\s255\s")
_LIMITED = (
    f"{{ ulimit -d {_MEMORY >> 10}; ulimit -f {_COMPLAINTS >> 9}; ulimit -c 0;"
    # holds also where the process that reads is killed
    f' ulimit -t {_SECONDS}; }} 2>/dev/null; exec "$@"'
)
"""Sets limits and becomes the program that comes after; Python can do that only where it has no threads."""


def draw(file: BinaryIO, number: int, dots: int, pixels: int) -> tuple[Image, bool]:
    """A page of a PDF in grey, within its crop box.

    Args:
        file: the PDF, open; its position does not matter.
        number: of the page, from 1.
        dots: an inch.
        pixels: that the picture has, about; many more are not read.

    Returns:
        uint8 height x width, 0 black to 255 white, and whether poppler complained about the file.

    Raises:
        PageError: stage `access` where poppler is not installed, `limit` where it takes too much time or
            memory, else `decode`.
    """
    program = shutil.which("pdftoppm")
    if program is None:
        raise PageError(ACCESS, "not a plain scan, and poppler-utils is not installed to draw it")
    options = ["-r", str(dots), "-f", str(number), "-l", str(number), "-cropbox", "-gray"]
    command = ["/bin/sh", "-c", _LIMITED, "sh", program, *options, "/dev/stdin"]
    most = 2 * pixels + (1 << 16)
    with tempfile.TemporaryFile() as complaints:
        begun = time.monotonic()
        with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=complaints) as process:
            watch = Timer(_SECONDS, process.kill)
            watch.start()
            try:
                assert process.stdout is not None
                written = process.stdout.read(most)
                if len(written) == most:
                    process.kill()
                process.wait()
            finally:
                process.kill()
                watch.cancel()
        complaints.seek(0)
        said = complaints.read(_COMPLAINTS)
    if time.monotonic() - begun >= _SECONDS:
        raise PageError(LIMIT, f"drawing it took more than {_SECONDS} s")
    if b"memory" in said:
        raise PageError(LIMIT, "drawing it needs too much memory")
    header = _HEADER.match(written)
    if process.returncode or header is None:
        raise PageError("decode", "damaged PDF page: poppler cannot draw it")
    width, height = int(header[1]), int(header[2])
    if len(written) != header.end() + width * height:
        raise PageError("decode", "damaged PDF page: poppler drew only a part of it")
    drawn = np.frombuffer(written, np.uint8, offset=header.end()).reshape(height, width)
    return drawn.copy(), bool(said.strip())
