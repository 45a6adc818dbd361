"""The pages and the code say the same: commands, options, columns, variables, codes, links."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from landsight.cli.app import COMMANDS, cli
from landsight.cli.formats import CSV_COLUMNS
from landsight.errors import PHOTO_CODES

from .codes import ERRORS, SOURCE, codes_of

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
ERRORS_PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """From a heading to the next of its level."""
    start = text.index(heading)
    return text[start:].split("\n## ", maxsplit=1)[0] if start == 0 else text[start + 3 :].split("\n## ", maxsplit=1)[0]


def command(name: str) -> click.Command:
    """By its words: "train", "data check"."""
    found: click.Command | None = cli
    for word in name.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), word)
    assert found is not None
    return found


def names() -> list[str]:
    """All commands; of a group its verbs."""
    found = {name: command(name) for name in COMMANDS}
    return [f"{name} {word}".strip() for name, c in found.items() for word in (c.commands if isinstance(c, click.Group) else [""])]


@pytest.mark.parametrize("name", names())
def test_every_command_and_option_is_documented(name: str) -> None:
    text = section(CLI, f"## landsight {name}")
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"`{option}[ `]", text), f"docs/cli.md does not explain {option} of {name}"


@pytest.mark.parametrize("name", names())
def test_no_option_is_documented_that_does_not_exist(name: str) -> None:
    known = {opt for p in command(name).params for opt in (*p.opts, *p.secondary_opts)}
    rows = [line for line in section(CLI, f"## landsight {name}").splitlines() if line.startswith("| `-")]
    assert {option for row in rows for option in re.findall(r"`(-{1,2}[a-z0-9-]+)", row.split("|")[1])} <= known


def test_every_option_has_help() -> None:
    silent = [f"{n} {p.name}" for n in names() for p in command(n).params if isinstance(p, click.Option) and not p.help]
    assert silent == []


def test_every_csv_column_is_documented_in_order() -> None:
    rows = [
        line
        for line in section(CLI, "## landsight locate").split("### csv")[1].split("### geojson")[0].splitlines()
        if line.startswith("| `")
    ]
    assert [name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])] == list(CSV_COLUMNS)


def test_every_environment_variable_is_documented() -> None:
    used = {name for path in SOURCE.rglob("*.py") for name in re.findall(r"\bLANDSIGHT_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))}
    text = section(CLI, "## Environment variables")
    documented = set(re.findall(r"`(LANDSIGHT_[A-Z_]+)`", text))
    assert used <= documented
    assert documented - used <= {"LANDSIGHT_DATA", "LANDSIGHT_MAX_PIXELS", "LANDSIGHT_MAX_BYTES"}


def test_every_photo_code_is_documented_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section(ERRORS_PAGE, "## Why a photo"), flags=re.M))
    assert rows == {code: meaning for code, (_, meaning) in PHOTO_CODES.items()}


def test_every_warning_code_is_documented() -> None:
    documented = set(re.findall(r"^\| `(\w+)`", section(ERRORS_PAGE, "## Warnings"), flags=re.M))
    used = codes_of({"PhotoWarning"})
    assert {code: where for code, where in used.items() if code not in documented} == {}


def test_every_error_code_is_documented_and_none_is_made_up() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \| \d \|", section(ERRORS_PAGE, "## Everything else"), flags=re.M))
    used = {code: where for code, where in codes_of(ERRORS).items() if code not in PHOTO_CODES}
    assert {code: where for code, where in used.items() if code not in documented} == {}
    assert documented - used.keys() == set()


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_no_page_names_a_module_that_does_not_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"\| ([a-z_]+/(?:[a-z_]+\.py)?) \|", text)
    assert paths
    assert [path for path in paths if not (SOURCE / path).exists()] == []


def test_every_refusal_of_the_service_is_documented_with_its_status() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((SOURCE / "service").glob("*.py")))
    used = set(re.findall(r'(?:ServiceError\(|refusal\([^,]+,)\s*(\d{3}),\s*"(\w+)"', text))
    used |= {("400", "bad_inference_request"), ("404", "http_404"), ("405", "http_405")}  # whose code or status is worked out
    page = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    assert {(status, code) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.M)} == used
