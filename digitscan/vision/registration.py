"""Lay a scanned page onto the form's frame, whichever way up it lies.

Five methods give candidates (marks, template, lines, rules, none); what is printed around the fields then
decides between them, and between the four rotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from digitscan.errors import PageError
from digitscan.forms import Form, FormField
from digitscan.records import Box, Image, Matrix, Page
from digitscan.vision import constellation, landmarks, ruling, template
from digitscan.vision.constellation import Match
from digitscan.vision.placement import LaidPage
from digitscan.vision.rivals import contest, likenesses, shifts
from digitscan.vision.rows import row_missing
from digitscan.vision.skew import find_skew
from digitscan.vision.support import Print, RuledPage, printed, sides
from digitscan.vision.transforms import Points, apply, rotation_of

SMALLEST_PAGE = 100  # px: below it nothing printed could be told
SLIMMEST_PAGE = 25  # times as long as it is wide: a longer strip would be made smaller to nothing
UNMARKED = ("lines", "rules", "none")  # methods that nothing but rules tells where the form lies
CONTESTED, CONTESTED_UNMARKED = 0.9, 0.5  # of the best candidate's rank: worth comparing with it
GONE, MISSED = 0.4, 0.65  # share of its rules without which a field's box is not there; and is hardly
OTHERS = 0.6  # of the boxes in the picture, if fewer are there, may be another form's
FEW = 0.05  # of the fields: if more are hardly there, the print may say that the form lies elsewhere;
MOST = 0.5  # if more, it does not lie there
ENOUGH_FRAMES, ENOUGH_MARKS = 0.3, 0.5  # share found: nothing more is tried
BLUR_MM = 0.19
LIKE = 0.2  # of the score: forms that fit worse by less are compared by their print,
APART = 2.0  # pieces of which tell them apart
LARGE = 0.5  # of the picture is a form in which nothing is boxed; of a smaller one the score sinks
ALONE = 0.6  # of the picture is the form: beside it there is no room for another
WHOLE = 0.95  # of a field is in the picture: a cell that is not would look blank
CONTRASTS = (None, 1.0, 0.5)  # of rules, in which frames are looked for, until enough are found

_Ruled = Callable[[tuple[float, float]], RuledPage]
"""The page's rules, by a form's size in mm: worked out once for all forms and candidates."""


@dataclass(frozen=True, slots=True)
class RegisteredPage:
    """A page laid onto a form."""

    page: Page
    form: Form
    transform: Matrix
    """3x3 homography, form mm -> page px."""
    placements: tuple[Matrix, ...]
    """The same for each field by itself, with what its own printed rules corrected."""
    evidence: tuple[float, ...]
    """0-1: the share of each field's printed rules found, upright or level, whichever is less; 0 where it is
    partly beyond the picture, in a table that may lie a row off, or on a page that lacks too many of them."""
    score: float
    """0-1: share of the registration's own marks matched, times share of the fields' rules found."""
    rotation: int
    """Degrees clockwise by which the scan must be turned to stand upright."""
    support: float = 0.0
    """Pieces of the form's print found here, where there are rivals."""
    rivals: tuple[RegisteredPage, ...] = ()
    """The same for other places where the print fits about as well."""


def register(page: Page, forms: tuple[Form, ...]) -> RegisteredPage:
    """The page as the form that fits it best.

    Raises PageError (stage `registration`) where no form reaches its own minimum score, where nothing tells
    which of two it is, and where another one lies beside it.
    """
    height, width = page.image.shape
    if min(width, height) < max(SMALLEST_PAGE, max(width, height) / SLIMMEST_PAGE):
        raise PageError("registration", f"a picture of {width} x {height} pixels is no page of a form")
    best, *like = _fitting(page, forms)
    least = best.form.registration.minimum_score
    if best.score >= least:
        if like:
            names = f"'{best.form.name}' and '{like[0].form.name}'"
            raise PageError(
                "registration",
                f"{names} fit it alike: run them one by one, or print on one what the other lacks",
            )
        if _lies_beside(best, forms):
            raise PageError("registration", "there is more than one form on the page: scan each by itself")
        return best
    said = f"the best, '{best.form.name}', scores" if len(forms) > 1 else f"form '{best.form.name}' scores"
    prefix = "no form fits: " if len(forms) > 1 else "the form was not found: "
    raise PageError("registration", f"{prefix}{said} {best.score:.2f}, its minimum is {least:.2f}")


def _fitting(page: Page, forms: tuple[Form, ...]) -> list[RegisteredPage]:
    """The page as the form that fits it best, and as those that nothing tells from it.

    Where several fit, as editions of a form do, or its front and its back, the page's own form is the one of
    whose print most is there and least is missing: of a form that has less print than the page, all is found
    as well.
    """
    ruled_page = cache(partial(RuledPage, page.image))
    tried = [_registered(page, form, ruled_page) for form in forms]
    above = [r.score - r.form.registration.minimum_score for r in tried]
    near = [r for r, a in zip(tried, above, strict=True) if a > max(above) - LIKE and a >= 0]
    if len(near) < 2:
        return [tried[int(np.argmax(above))]]
    prints = [_print(r.form) for r in near]
    balances = [0.0] * len(near)
    if all(what.pieces for what in prints):
        for i, (r, what) in enumerate(zip(near, prints, strict=True)):
            seen = ruled_page(r.form.page.size)
            balances[i] = seen.balance(seen.settled(r.transform, what), what)
    told = [b > max(balances) - APART for b in balances]
    equals = sorted((r for r, t in zip(near, told, strict=True) if t), key=lambda r: -r.score)
    return [r for r in equals if r.score > equals[0].score - LIKE / 2]


def _lies_beside(found: RegisteredPage, forms: tuple[Form, ...]) -> bool:
    """Whether there is another form on the rest of the page, where there is room for one."""
    image, corners = found.page.image, _corners(found.form, found.transform)
    if _covered(found.page, found.form, found.transform) > ALONE:
        return False
    paper = int(np.median(image))
    rest = cv2.fillConvexPoly(image.copy(), corners, paper)
    other, *_ = _fitting(replace(found.page, image=np.asarray(rest, np.uint8)), forms)
    return other.score >= other.form.registration.minimum_score


def _corners(form: Form, transform: Matrix) -> NDArray[np.int32]:
    """Of the sheet of a form, page px."""
    width, height = form.page.size
    sheet = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    return np.rint(apply(transform, sheet)).astype(np.int32)


def _covered(page: Page, form: Form, transform: Matrix) -> float:
    """The part of a picture that a form takes up."""
    return cv2.contourArea(_corners(form, transform)) / page.image.size


def _largeness(page: Page, form: Form, transform: Matrix) -> float:
    """0-1, for where no box confirms a place: three blots that lie like marks make no small form."""
    return min(1.0, _covered(page, form, transform) / LARGE)


def _registered(page: Page, form: Form, ruled_page: _Ruled) -> RegisteredPage:
    unmarked = form.registration.method in UNMARKED
    least = CONTESTED_UNMARKED if unmarked else CONTESTED
    boxed = _boxed(form)
    ranked: list[tuple[float, Match]] = []
    laid: LaidPage | None = None  # by the best candidate yet
    for candidate in _candidates(page, form, ruled_page):
        rank = candidate.share
        if ranked and rank <= least * max(r for r, _ in ranked) > 0:
            continue  # whatever its evidence, it would be neither the best nor a rival
        if not boxed:
            rank *= _largeness(page, form, candidate.transform)
        # `rules` has looked at the print already
        elif form.registration.method != "rules":
            tried = LaidPage(page.image, candidate.transform, boxed)
            rank *= tried.evidence
            laid = tried if not ranked or rank > max(r for r, _ in ranked) else laid
        ranked.append((rank, candidate))
    if not ranked:
        nowhere = tuple(np.eye(3) for _ in form.fields)
        return RegisteredPage(page, form, np.eye(3), nowhere, (0.0,) * len(nowhere), 0.0, 0)
    ranked.sort(key=lambda r: -r[0])
    best, chosen = ranked[0]
    places = [m.transform for rank, m in ranked if rank > least * best]
    what = _print(form)
    told: RegisteredPage | None = None
    if best == 0 or not what.pieces or (not unmarked and len(places) == 1):
        told = _placed(page, form, chosen.transform, chosen.share, ruled_page, laid)
        if best == 0 or not what.pieces or _missed(told) <= FEW:
            return told
    proven = form.registration.method == "marks"
    likely = contest(ruled_page(form.page.size), form, what, places, _moves(form, what))
    first, *rivals = (replace(_placed(page, form, t, chosen.share, ruled_page), support=s) for s, t in likely)
    if told is not None and told.score > first.score and (proven or _missed(told) <= MOST):
        return told
    return replace(first, rivals=tuple(rivals))


def _moves(form: Form, what: Print) -> Sequence[Matrix]:
    """By what the form may lie off a candidate: see `rivals.contest`."""
    match form.registration.method:
        case "marks":  # are proof: print a row off belongs to another form, or to no field
            return ()
        case "template":  # tells the way up
            return shifts(what)
        case _:
            return likenesses(what)


def _missed(placed: RegisteredPage) -> float:
    """Share of the fields whose own rules are hardly there."""
    return sum(share < MISSED for share in placed.evidence) / len(placed.evidence)


def _placed(
    page: Page,
    form: Form,
    transform: Matrix,
    share: float,
    ruled_page: _Ruled,
    laid: LaidPage | None = None,
) -> RegisteredPage:
    """The page with each field where its own rules are.

    share: of the registration's marks found. laid: the page by this transform, where that was tried before.
    """
    if form.registration.method == "rules":
        ruled = ruled_page(form.page.size)
        placements, seen = ruling.place_fields(ruled, transform, form.fields, _rules(form))
        lesser = seen
    else:
        placements, seen, lesser = _by_own_rules(page, form, transform, laid)
    shown = np.array([field.is_boxed for field in form.fields])
    there = _inside([f.box for f in form.fields], placements, page.image)
    if shown.any():
        sure = float(np.mean((there * seen)[shown]))
    else:
        sure = float(np.mean(there)) * _largeness(page, form, transform)
    whole, share_found = there > WHOLE, np.array(lesser)
    off = row_missing([f.box for f in form.fields], share_found > GONE, whole)
    off |= _is_other(share_found[shown & whole])
    return RegisteredPage(
        page,
        form,
        transform,
        tuple(placements),
        tuple(np.where(whole & ~off, share_found, 0.0).tolist()),
        share * sure,
        rotation_of(transform, form.page.size),
    )


def _is_other(found: NDArray[np.float64]) -> bool:
    """Whether so few boxes are there that a page may be another form's, whose marks and boxes lie alike.

    found: of each box in the picture the share of its rules.
    """
    return bool(len(found)) and float(np.mean(found > GONE)) < OTHERS


def _by_own_rules(
    page: Page, form: Form, transform: Matrix, laid: LaidPage | None
) -> tuple[list[Matrix], list[float], list[float]]:
    """Of each field what `LaidPage.placed` gives.

    Where nothing is printed around it, nothing corrects its place, or tells against it.
    """
    fields = len(form.fields)
    placements, seen, lesser = [transform] * fields, [1.0] * fields, [1.0] * fields
    shown = [i for i, field in enumerate(form.fields) if field.is_boxed]
    if shown:
        found = (laid or LaidPage(page.image, transform, _boxed(form))).placed()
        for i, placement, share, less in zip(shown, *found, strict=True):
            placements[i], seen[i], lesser[i] = placement, share, less
    return placements, seen, lesser


def _inside(boxes: Sequence[Box], placements: Sequence[Matrix], image: Image) -> NDArray[np.float64]:
    """The share of each box, placed, that is in the picture."""
    x, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    grid = np.column_stack([x.ravel(), y.ravel()])
    sides = np.array(boxes, np.float64)[:, None]
    places = apply(np.array(placements), sides[..., :2] + grid * sides[..., 2:])
    return np.asarray(((places >= 0) & (places <= image.shape[::-1])).all(axis=2).mean(axis=1), np.float64)


def _candidates(page: Page, form: Form, ruled_page: _Ruled) -> Iterator[Match]:
    image = page.image
    match form.registration.method:
        case "marks":
            boxes = tuple(Box(*m) for m in form.registration.marks)
            # nothing on a page may be dark; fine white lines and dots may break up what is
            for faint, blur in ((False, 0.0), (True, 0.0), (False, BLUR_MM)):
                seen = _blurred(image, blur * max(image.shape) / max(form.page.size)) if blur else image
                found = landmarks.find_marks(seen, _sizes(boxes), form.page.size, faint=faint)
                matches = constellation.match(boxes, found, form.page.size)
                yield from matches
                if any(m.share >= ENOUGH_MARKS for m in matches):
                    break
        case "lines":
            boxes = _frames(form)
            for contrast in CONTRASTS:
                found = landmarks.find_frames(image, _sizes(boxes), form.page.size, contrast=contrast)
                matches = constellation.match(boxes, found, form.page.size)
                for m in matches:
                    # A frame that is written over is not found; the evidence counts its rules anyway.
                    yield replace(m, share=min(1.0, m.share / ENOUGH_FRAMES))
                if any(m.share >= ENOUGH_FRAMES for m in matches):
                    break
        case "rules":
            yield from ruling.match(_rules(form), ruled_page(form.page.size), form.page.size)
        case "template":
            rough = (match.transform for match in _by_edges(image, None, form.page.size))
            yield from template.match(image, form, rough)
        case "none":
            yield from _by_edges(image, page.dpi, form.page.size)


def _blurred(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _sizes(boxes: tuple[Box, ...]) -> Points:
    return np.array([(b.width, b.height) for b in boxes])


def _rules(form: Form) -> list[Box]:
    """All that is known to be ruled."""
    return [Box(*r) for r in form.registration.rules] or sides(_frames(form))


@lru_cache(maxsize=16)
def _print(form: Form) -> Print:
    """What is printed around its fields, worked out once and not with every page."""
    return printed(_rules(form), form.page.size)


def _boxed(form: Form) -> tuple[FormField, ...]:
    """The fields whose own rules show where they are."""
    return tuple(field for field in form.fields if field.is_boxed)


def _frames(form: Form) -> tuple[Box, ...]:
    cells = [b for f in form.fields if f.printed == "box" for b in (f.cells or (f.box,))]
    return (*(Box(*f) for f in form.registration.frames), *cells)


def _by_edges(image: Image, dpi: float | None, form_size: tuple[float, float]) -> Iterator[Match]:
    """The picture is the page: turned by its skew, in all four rotations, the form in its middle.

    Its scale is that of its resolution where that is known, or else what fits the form into the picture.
    """
    height, width = image.shape
    skew = find_skew(image)
    for rotation in (0, 90, 180, 270):
        across, down = form_size if rotation in (0, 180) else form_size[::-1]
        angle = np.radians(skew - rotation)
        fitted = float(np.sqrt((width / across) * (height / down)))
        for scale in [fitted] if dpi is None else [dpi / 25.4, fitted]:
            c, s = np.cos(angle) * scale, np.sin(angle) * scale
            linear = np.array([[c, -s], [s, c]])
            middle = np.array([width, height]) / 2 - linear @ (np.array(form_size) / 2)
            yield Match(np.vstack([np.column_stack([linear, middle]), (0, 0, 1)]), 0, 1.0)
