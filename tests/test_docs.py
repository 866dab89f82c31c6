"""The documents say what the program does, no more and no less."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel

from digitscan import __version__, definition, errors
from digitscan.batch import outputs
from digitscan.cli import commands
from digitscan.forms import load_form
from digitscan.recognition.strokes import draw_digit
from digitscan.vision import pages

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
FORMS = (ROOT / "docs" / "forms.md").read_text(encoding="utf-8")
ACCURACY = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
OUTPUTS = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
SAMPLES = (ROOT / "sample_scans" / "README.md").read_text(encoding="utf-8")
DOCUMENTS = {
    "README.md": README,
    "docs/commands.md": COMMANDS,
    "docs/forms.md": FORMS,
    "docs/outputs.md": OUTPUTS,
    "docs/accuracy.md": ACCURACY,
    "docs/operations.md": OPERATIONS,
    "CONTRIBUTING.md": CONTRIBUTING,
    "CHANGELOG.md": CHANGELOG,
    "sample_scans/README.md": SAMPLES,
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SECTIONS: dict[str, type[BaseModel]] = {
    "The form": definition.FormSection,
    "[page]": definition.PageSection,
    "[registration]": definition.RegistrationSection,
    "[cleaning]": definition.CleaningSection,
    "[[field]]": definition.FieldSection,
    "[[table]]": definition.TableSection,
    "[[check]]": definition.CheckSection,
}


def sections(text: str) -> dict[str, str]:
    """Heading of any rank -> what stands between it and the next."""
    parts = re.split(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(text: str) -> list[list[str]]:
    """The cells of the first table, without its head."""
    lines = [line.strip("|") for line in re.split(r"\n(?!\|)", text[text.index("\n|") :])[0].split("\n")]
    return [[cell.strip() for cell in line.split("|")] for line in lines if line][2:]


def quoted(cells: list[list[str]]) -> list[str]:
    """What stands in `...` in the first column."""
    return [name for row in cells for name in re.findall(r"`([^`]+)`", row[0])]


def code(text: str) -> Iterator[str]:
    """Indented lines and `...`, without their comments."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    yield from (line.split(" # ")[0] for line in re.findall(r"^    (.+)$", prose, re.M))
    yield from re.findall(r"`([^`\n]+)`", prose)


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


def test_every_command_has_a_section_with_all_its_options() -> None:
    described = {
        heading.split()[1]: set(re.findall(r"--[a-z][a-z-]*", heading + body))
        for heading, body in sections(COMMANDS).items()
        if heading.startswith("digitscan ")
    }
    assert described == {name: options(command) for name, command in commands.commands.items()}
    named = [name.split()[1] for name in quoted(table(sections(README)["Commands"]))]
    assert named == list(described)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_the_documents_exist(name: str) -> None:
    lines = list(code(DOCUMENTS[name]))
    said = [found for line in lines for found in re.findall(r"digitscan ([a-z]+)\b(?!\.)(.*)", line)]
    assert said
    for command, rest in said:
        assert command in commands.commands, rest
        known = options(commands.commands[command]) | {"--help"}
        assert set(re.findall(r"(?<= )--[a-z][a-z-]*", rest)) <= known, rest


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    lines = [line for text in DOCUMENTS.values() for line in code(text)]
    said = {target for line in lines for target in re.findall(r"^make (\w+)", line)}
    assert said
    assert said <= targets


def test_links_lead_somewhere() -> None:
    links = [
        (ROOT / name).parent / link
        for name, text in DOCUMENTS.items()
        for link in re.findall(r"\]\(([^):#]+)\)", text)
    ]
    assert links
    assert [link for link in links if not link.exists()] == []


@pytest.mark.parametrize("text", [COMMANDS, OPERATIONS], ids=["docs/commands.md", "docs/operations.md"])
def test_exit_codes(text: str) -> None:
    codes = {value for key, value in vars(errors).items() if key.startswith("EXIT_")}
    assert [int(row[0]) for row in table(sections(text)["Exit codes"])] == sorted(codes)


@pytest.mark.parametrize(
    ("name", "columns"),
    [("fields.csv", outputs.FIELDS), ("digits.csv", outputs.DIGITS), ("pages.csv", outputs.PAGES)],
)
def test_columns_of_the_outputs(name: str, columns: tuple[str, ...]) -> None:
    text = OUTPUTS[OUTPUTS.index(f"**{name}**: ") :]
    assert quoted(table(text)) == list(columns)


@pytest.mark.parametrize("name", outputs.NAMES)
def test_every_output_is_described(name: str) -> None:
    assert f"**{name}**" in OUTPUTS


@pytest.mark.parametrize("heading", SECTIONS)
def test_form_keys_and_what_holds_without_them(heading: str) -> None:
    rows = table(sections(FORMS)[heading])
    known = SECTIONS[heading].model_fields
    assert quoted(rows) == list(known)
    for (name, field), (_, _, left_out) in zip(known.items(), rows, strict=True):
        assert field.is_required() == (left_out == "must be given") or name == "box"
        if isinstance(field.default, bool):
            assert left_out == str(field.default).lower()
        elif isinstance(field.default, float):
            assert float(left_out) == field.default
        elif isinstance(field.default, str):
            assert left_out == f'`"{field.default}"`' or field.default == "none"


@pytest.mark.parametrize("text", [README, FORMS], ids=["README.md", "docs/forms.md"])
def test_example_definitions_are_right(tmp_path: Path, text: str) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S)
    path = tmp_path / "visitors.toml"
    path.write_text(example, encoding="utf-8")
    (tmp_path / "branches.csv").write_text("101,Main\n102,North\n", encoding="utf-8")
    assert load_form(path).name == "visitors"


def test_the_example_definition_shows_every_kind_of_section() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```", FORMS, re.M | re.S)
    assert set(tomllib.loads(example)) >= set(definition.FormSection.model_fields) - {"crossed", "printed"}


def test_example_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    ink = draw_digit(7, np.random.default_rng(3))
    cv2.imwrite(str(tmp_path / "seven.png"), np.pad(255 - ink, 10, constant_values=255))
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    digit, confidence, _, alternative_confidence = capsys.readouterr().out.split()
    assert digit == "7"
    assert float(confidence) > float(alternative_confidence)


def test_example_picture_is_there_and_small() -> None:
    assert 0 < (ROOT / "docs" / "images" / "example.png").stat().st_size < 200_000


def test_versions_agree() -> None:
    assert PROJECT["version"] == __version__
    assert re.findall(r"^## (\S+)", CHANGELOG, re.M)[0] == __version__


def test_every_dependency_is_locked_to_a_version_it_allows() -> None:
    locked = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    pinned = {canonicalize_name(name): version for name, version in locked.items()}
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), text


def test_the_map_names_every_room() -> None:
    package = ROOT / "digitscan"
    there = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    drawn, folder = set(), ""
    for indent, name in re.findall(r"^    ( +)(\S+(?:/|\.py))(?= |$)", CONTRIBUTING, re.M):
        folder = "" if len(indent) == 2 else folder
        if name.endswith("/"):
            folder = name
        else:
            drawn.add(folder + name)
    assert drawn == {name for name in there if not name.endswith("__init__.py")}


def test_every_folder_has_its_purpose() -> None:
    named = {name.rstrip("/") for name in quoted(table(sections(README)["Where things are"])) if "/" in name}
    assert all((ROOT / name).is_dir() for name in named)


def test_sample_table() -> None:
    folder = ROOT / "sample_scans"
    rows = {quoted([row])[0]: int(row[1]) for row in table(SAMPLES)}
    there = {path.name for path in folder.iterdir() if path.suffix in pages.SUFFIXES}
    assert rows == {name: pages.count_pages((folder / name).read_bytes()) for name in there}
    assert f"{sum(rows.values())} pages in {len(rows)} files" in SAMPLES
    assert f"{sum(rows.values())} filled-in pages" in README
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        told = {(row["file"], int(row["page"])) for row in csv.DictReader(file)}
    assert told == {(name, page) for name, count in rows.items() for page in range(1, count + 1)}


def test_samples_are_made_as_their_table_says() -> None:
    (command,) = re.findall(r"^    (digitscan deck .+)$", SAMPLES, re.M)
    assert f"$(BIN)/{command}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
