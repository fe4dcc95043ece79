"""The report: one HTML page that stands alone, and the same numbers as JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy
import scipy
from markupsafe import Markup, escape

from mudot.meshes.version import __version__
from mudot.validation.cases import SECTIONS
from mudot.validation.figures import Drawing, draw, save_book
from mudot.validation.outcome import Case
from mudot.validation.rates.table import COLUMNS, gathered
from mudot.validation.runner import Result


def drawings(result: Result) -> list[Drawing]:
    """The pictures of a result, drawn."""
    return [draw(picture) for picture in result.outcome.pictures]


def write(
    folder: Path,
    cases: Sequence[Case],
    results: Sequence[Result],
    quick: bool,
    seconds: float,
    drawn: Mapping[str, Sequence[Drawing]] | None = None,
) -> Path:
    """Write `index.html`, `results.json`, figures as PNG files and as vectors in `figures.pdf`; returns the page.

    drawn: pictures by case, where they were drawn before
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = _facts(results, quick, seconds)
    drawn = drawn or {result.case: drawings(result) for result in results}
    entries = [
        _entry(folder, case, result, drawn[case.name], quick) for case, result in zip(cases, results, strict=True)
    ]
    (folder / "results.json").write_text(json.dumps(_plain(facts, cases, results), indent=1, default=float) + "\n")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mudot.validation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number
    environment.filters["indexed"] = _indexed
    page, sections = folder / "index.html", _sections(entries)
    failures = [
        (entry, check)
        for _, group in sections
        for entry in group
        for check in entry["result"].outcome.checks
        if not check.passed
    ]
    constants = gathered(result.outcome for result in results)
    template = environment.get_template("report.html")
    shown = {"sections": sections, "failures": failures, "constants": constants, "bench": _bench(folder)}
    page.write_text(template.render(facts=facts, **shown))
    pages = [(f"{case.title}: {drawing.title}", drawing.figure) for case in cases for drawing in drawn[case.name]]
    if pages:
        save_book(pages, folder / "figures.pdf")
    return page


def _bench(folder: Path) -> dict[str, Any] | None:
    """What `make bench` left in the folder of the report: its picture and its tables, rows of cells."""
    picture, tables = folder / "bench.png", folder / "bench.md"
    if not (picture.exists() and tables.exists()):
        return None
    blocks = [block.splitlines() for block in tables.read_text().strip().split("\n\n")]
    split = [[[cell.strip() for cell in line.strip("| ").split("|")] for line in b] for b in blocks if b[0][0] == "|"]
    words = [" ".join(block) for block in blocks if block[0][0] != "|"]
    image = base64.b64encode(picture.read_bytes()).decode()
    return {"image": image, "words": words, "tables": [(rows[0], rows[2:]) for rows in split]}


def _sections(entries: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Entries under the headings of their cases, numbered; others under their own."""
    place = {case.name: title for title, cases in SECTIONS for case in cases}
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(place.get(entry["case"].name, "Further cases"), []).append(entry)
    for part, group in enumerate(groups.values(), 1):
        for number, entry in enumerate(group, 1):
            entry["number"] = f"{part}.{number}"
    return list(groups.items())


def _facts(results: Sequence[Result], quick: bool, seconds: float) -> dict[str, Any]:
    return {
        "passed": sum(result.passed for result in results),
        "total": len(results),
        "checks": sum(len(result.outcome.checks) for result in results),
        "quick": quick,
        "seconds": seconds,
        "processor": round(sum(round(result.processor, 2) for result in results), 2),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": f"mudot {__version__}, Python {platform.python_version()}, NumPy {numpy.__version__}, "
        f"SciPy {scipy.__version__}",
        "machine": f"{platform.machine()}, {platform.system()}",
    }


def _entry(folder: Path, case: Case, result: Result, drawn: Sequence[Drawing], quick: bool) -> dict[str, Any]:
    images = []
    for number, drawing in enumerate(drawn, 1):
        (folder / f"{case.name}-{number}.png").write_bytes(drawing.png)
        images.append({"title": drawing.title, "data": base64.b64encode(drawing.png).decode()})
    command = (case.command or f"mudot validate --case {case.name}") + (" --quick" if quick else "")
    # Constants of decay stand together at the end of the page.
    tables = [table for table in result.outcome.tables if table.columns != COLUMNS]
    return {
        "case": case,
        "result": result,
        "images": images,
        "tables": tables,
        "command": command,
        "verdict": _verdict(result),
    }


def _verdict(result: Result) -> str:
    checks = result.outcome.checks
    count = sum(check.passed for check in checks)
    words = "passed" if result.passed else "FAILED"
    return f"{words}: {count} of {len(checks)} checks within their tolerances, {result.seconds:.1f} s"


def _plain(facts: dict[str, Any], cases: Sequence[Case], results: Sequence[Result]) -> dict[str, Any]:
    entries = []
    for case, result in zip(cases, results, strict=True):
        checks = [
            {**dataclasses.asdict(check), "tolerance": check.tolerance, "passed": check.passed}
            for check in result.outcome.checks
        ]
        entries.append(
            {
                "name": case.name,
                "title": case.title,
                "setup": case.setup,
                "claim": case.claim,
                "source": case.source,
                "passed": result.passed,
                "seconds": round(result.seconds, 2),
                "processor": round(result.processor, 2),
                "error": result.error,
                "checks": checks,
                "tables": [dataclasses.asdict(table) for table in result.outcome.tables],
                "plots": [dataclasses.asdict(plot) for plot in result.outcome.plots],
            }
        )
    return {**facts, "cases": entries}


_INDEX = re.compile(r"(?<![A-Za-z])([A-Za-zΑ-ω]\*?)_(\w{1,3})\b")
_EXPONENT = re.compile(r"(?<=[\w)])\^(-?\w+)\b(?!\()")


def _indexed(text: object) -> Markup:
    """The indices of single letters and plain exponents, as HTML shows them.

    >>> _indexed("D_λ < log(1/λ)^-r, R*_0 of scharfetter_gummel")
    Markup('D<sub>λ</sub> &lt; log(1/λ)<sup>-r</sup>, R*<sub>0</sub> of scharfetter_gummel')
    """
    words = _INDEX.sub(r"\1<sub>\2</sub>", str(escape(str(text))))
    return Markup(_EXPONENT.sub(r"<sup>\1</sup>", words))


def _number(value: object) -> str:
    """Four digits for floats, everything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
