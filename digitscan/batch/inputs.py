"""From the INPUTs of a command to the files in them, in a fixed order, with their hashes."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from digitscan.batch.outputs import LEFT, SKIPPED
from digitscan.errors import ACCESS, PageError, UsageError
from digitscan.records import PageFailure, PageRef
from digitscan.vision import pages


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to read, as it was when it was hashed."""

    path: Path
    file: str
    sha256: str
    stamp: tuple[int, ...]


_HIDDEN = re.compile(r"\.[^.]")
_ESCAPE = re.compile(r"\\(?=x[0-9a-f]{2})")
"""What begins a byte that is not UTF-8 in the outputs; a file may be named so itself."""
_NO_SUFFIX = "not a page format (no suffix)"
_SHARED = "two inputs hold a file of this name: give the directory above both"
_BEGINNING = 1024
_SKEW = 3600.0
"""Seconds that the clock of a file server may be ahead; a time still later says nothing."""

Known = Callable[[Path, tuple[int, ...]], str | None]
"""The hash of the file at a path that has a stamp, where that is known."""


def find(
    inputs: Sequence[Path], output: Path, known: Known = lambda _path, _stamp: None, settle: float = 0
) -> Iterator[InputFile | PageFailure]:
    """The files in the inputs, each once, in the order of the inputs and of their names in bytes.

    The output directory is left out. Of what lies in a directory, what is hidden, what has another suffix
    than page formats have, or none and does not begin like a page, and what is no regular file, comes as a
    failure of stage `skip`; a file or directory that cannot be opened as one of stage `open` or `access`, and
    so do files that have one name in two inputs: in the outputs nobody could tell them apart. A file named as
    an input is always tried. Files whose hash is `known` are not read. A file that has changed within
    `settle` seconds may still be on its way: it is waited for, until so long after the beginning at most, and
    if it changes then, left.

    Raises:
        UsageError: an input does not exist.
    """
    began, end = time.time(), time.monotonic() + settle
    listed: Iterable[_Listed] = _listed(inputs, output.resolve())
    shared = set[str]()
    if len(inputs) > 1:  # only then may a file come twice, and another of its name
        once = dict[Path, _Listed]()
        for one in listed:
            once.setdefault(one.path, one)
        listed = once.values()
        names = Counter(one.file for one in listed if not one.skipped)
        shared = {name for name, count in names.items() if count > 1}
    for path, file, skipped, sure in listed:
        if skipped:
            yield PageFailure(_ref(path, file), SKIPPED, skipped)
        elif not _rests(path, began, end, settle):
            yield PageFailure(_ref(path, file), LEFT, "still being written: left for the next run")
        else:
            found = _hashed(path, file, known, sure=sure)
            alone = isinstance(found, PageFailure) or file not in shared
            yield found if alone else PageFailure(_ref(path, file), "open", _SHARED)


class _Listed(NamedTuple):
    """What lies in the inputs, before it is opened."""

    path: Path
    file: str
    """Its name in the outputs."""
    skipped: str
    """Why it is, if it is."""
    sure: bool
    """Whether it is meant to be one of pages."""


def _listed(inputs: Sequence[Path], output: Path) -> Iterator[_Listed]:
    """What lies in the inputs, more than once where they overlap; raises as `find` does."""
    for given in inputs:
        try:
            root = given.resolve(strict=True)
        except (OSError, RuntimeError):
            raise UsageError(f"{given}: no such file or directory") from None
        found = _walk(root, output) if root.is_dir() else iter([(root, given.name, "")])
        for path, file, skipped in found:
            yield _Listed(path, _ESCAPE.sub(r"\\x5c", file), skipped, bool(_suffix(path)) or path == root)


def _walk(root: Path, output: Path) -> Iterator[tuple[Path, str, str]]:
    """Path, name in the outputs, and why it is skipped, if it is, of what lies under a directory."""
    stack = [(root, "")]
    while stack:
        path, file = stack.pop()
        kind = _kind(path)
        if file and _HIDDEN.match(path.name):
            if path != output:
                yield path, file, "hidden"
        elif stat.S_ISLNK(kind):
            yield path, file, "symbolic link"
        elif stat.S_ISDIR(kind):
            if path == output:
                continue
            try:
                names = [entry.name for entry in path.iterdir()]
            except OSError:
                yield path, file, ""
                continue
            for name in sorted(names, key=os.fsencode, reverse=True):
                stack.append((path / name, f"{file}/{name}" if file else name))
        elif kind and _suffix(path) not in ("", *pages.SUFFIXES):
            yield path, file, f"not a page format ({path.suffix})"
        elif kind and not stat.S_ISREG(kind):
            yield path, file, "not a regular file"
        else:
            yield path, file, ""


def _suffix(path: Path) -> str:
    """In lower case; none where it is a number, as that of `scan 30.11.2026`."""
    suffix = path.suffix.lower()
    return "" if suffix[1:].isdecimal() else suffix


def _kind(path: Path) -> int:
    """The mode of what lies at a path; 0 where nobody can tell, which shows when it is opened."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _rests(path: Path, began: float, end: float, settle: float) -> bool:
    """Whether a file has stood still for so many seconds, perhaps after a wait for that.

    end: on the monotonic clock, when no wait is begun any more: the other clock may be set back meanwhile.
    """
    while True:
        try:
            status = path.lstat()
        except OSError:
            return True  # what is wrong with it shows when it is opened
        now = time.time()
        times = (status.st_mtime, status.st_ctime)
        changed = max((min(t, now) for t in times if t <= now + _SKEW), default=0.0)
        if now >= changed + settle:
            return True
        if changed > began or time.monotonic() >= end:
            return False
        time.sleep(changed + settle - now)


def _hashed(path: Path, file: str, known: Known, *, sure: bool) -> InputFile | PageFailure:
    """The file; where it is not sure that it is meant to be one of pages, its beginning decides."""
    try:
        if _suffix(path) and (kept := _kept(path, file, known)):
            return kept
        with pages.open_file(path) as content:
            beginning = content.peek(_BEGINNING)[:_BEGINNING]
            if not sure and not pages.looks_like_page(beginning):
                return PageFailure(_ref(path, file), SKIPPED, _NO_SUFFIX)
            # told here, and not with its pages: those it shares with copies that have the right name
            pages.check_name(_suffix(path), beginning)
            found = pages.stamp(os.fstat(content.fileno()))
            sha256 = known(path, found) or hashlib.file_digest(content, "sha256").hexdigest()
            return InputFile(path, file, sha256, found)
    except PageError as error:
        if not sure and error.stage != ACCESS:
            return PageFailure(_ref(path, file), SKIPPED, _NO_SUFFIX)
        return PageFailure(_ref(path, file), error.stage, error.reason)


def _kept(path: Path, file: str, known: Known) -> InputFile | None:
    """The file where its hash is known: what its beginning says of it was seen when it was hashed.

    To open tens of thousands only to close them again takes minutes on a disk that is slow or far away.
    """
    try:
        found = pages.stamp(path.lstat())
    except OSError:
        return None  # what is wrong with it shows when it is opened
    sha256 = known(path, found)
    return InputFile(path, file, sha256, found) if sha256 else None


def _ref(path: Path, file: str) -> PageRef:
    return PageRef(path, file, 0, "")
