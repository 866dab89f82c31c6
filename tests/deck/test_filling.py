from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digitscan.deck.filling import Habits, fill_page, holds, obeys, value_of
from digitscan.errors import UsageError
from digitscan.forms import Form, load_form

HOUSEHOLD = Path(__file__).parents[2] / "configs" / "household.toml"
NEVER_WRONG = Habits(wrong_sums=0.0)


def pages(form: Form, habits: Habits, count: int) -> list[dict[str, str]]:
    return [fill_page(form, habits, np.random.default_rng([1, number])) for number in range(count)]


def check_page(form: Form, raws: dict[str, str]) -> None:
    assert list(raws) == [field.name for field in form.fields]
    for field in form.fields:
        raw = raws[field.name]
        if field.cells:
            assert len(raw) == len(field.cells)
            assert set(raw) <= set("0123456789X_")
            assert "X" not in raw or field.crossed == "blank"
        else:
            assert raw == value_of(raw)
        assert obeys(field, value_of(raw)), (field.name, raw)


def test_pages_keep_rules_and_checks(form: Form) -> None:
    for raws in pages(form, NEVER_WRONG, 100):
        check_page(form, raws)
        assert all(holds(check, {name: value_of(raw) for name, raw in raws.items()}) for check in form.checks)


def test_pages_of_the_household_schedule_keep_its_rules() -> None:
    form = load_form(HOUSEHOLD)
    filled = pages(form, NEVER_WRONG, 60)
    for raws in filled:
        check_page(form, raws)
        assert int(value_of(raws["men"])) + int(value_of(raws["women"])) == int(value_of(raws["total"]))
    everything = "".join(raw for raws in filled for raw in raws.values())
    assert {"X", "_", *"0123456789"} == set(everything)
    assert any(value_of(raws["district"]) != raws["district"] for raws in filled), "no blank in front"


def test_a_share_of_the_pages_breaks_a_sum(form: Form) -> None:
    for raws in pages(form, Habits(wrong_sums=1.0), 30):
        check_page(form, raws)
        assert not holds(form.checks[0], {name: value_of(raw) for name, raw in raws.items()})


def test_a_column_called_line_counts_the_rows(form: Form) -> None:
    for raws in pages(form, NEVER_WRONG, 30):
        for row in (1, 2, 3):
            assert value_of(raws[f"item[{row}].line"]) in ("", str(row))


def test_pages_without_strikers_have_no_struck_cell(form: Form) -> None:
    filled = pages(form, Habits(strikers=0.0), 50)
    assert not any("X" in raw for raws in filled for raw in raws.values())


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ('pattern = "123456"', "field 'number' in 2000 tries"),
        ('minimum = 90\n[[check]]\nrule = "number == 80"', "loosen a \\[\\[check\\]\\]"),
    ],
)
def test_rules_that_nothing_fits_are_told(tmp_path: Path, rules: str, complaint: str) -> None:
    path = tmp_path / "hard.toml"
    path.write_text(
        'name = "hard"\n[page]\nsize = [50, 50]\n[[field]]\nname = "number"\nbox = [5, 5, 14, 8]\n'
        f"cells = 2\n{rules}\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match=complaint):
        fill_page(load_form(path), Habits(left_out=0.0), np.random.default_rng(0))
