"""The report: one HTML page that stands alone, and the same numbers as JSON."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy
import scipy
from markupsafe import Markup, escape

from mudot.meshes.version import __version__
from mudot.validation.cases import SECTIONS
from mudot.validation.figures import convergence_figure, curves_figure, save_book, scene_figure, shade
from mudot.validation.outcome import Case, Plot, Scene
from mudot.validation.rates.table import COLUMNS, gathered
from mudot.validation.runner import Result


def write(folder: Path, cases: Sequence[Case], results: Sequence[Result], quick: bool, seconds: float) -> Path:
    """Write `index.html`, `results.json`, figures as PNG files and as vectors in `figures.pdf`; returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = _facts(results, quick, seconds)
    entries = [_entry(folder, case, result, quick) for case, result in zip(cases, results, strict=True)]
    (folder / "results.json").write_text(json.dumps(_plain(facts, cases, results), indent=1, default=float) + "\n")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mudot.validation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number
    environment.filters["indexed"] = _indexed
    environment.filters["sum_seconds"] = lambda groups: sum(e["result"].seconds for _, group in groups for e in group)
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
    pictures = [
        (f"{case.title}: {plot.title}", _figure(plot))
        for case, result in zip(cases, results, strict=True)
        for plot in result.outcome.pictures
    ]
    if pictures:
        save_book(pictures, folder / "figures.pdf")
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
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": f"mudot {__version__}, Python {platform.python_version()}, NumPy {numpy.__version__}, "
        f"SciPy {scipy.__version__}",
        "machine": f"{platform.machine()}, {platform.system()}",
    }


def _entry(folder: Path, case: Case, result: Result, quick: bool) -> dict[str, Any]:
    images = []
    for number, plot in enumerate(result.outcome.pictures):
        picture = _png(plot)
        (folder / f"{case.name}-{number + 1}.png").write_bytes(picture)
        images.append({"title": plot.title, "data": base64.b64encode(picture).decode()})
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


def _png(plot: Plot | Scene) -> bytes:
    buffer = io.BytesIO()
    _figure(plot).savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()


def _figure(plot: Plot | Scene) -> Any:
    """Refinement studies carry expected orders; everything else is curves; bands lie under both."""
    if isinstance(plot, Scene):
        return scene_figure(plot)
    if any(series.slope is not None for series in plot.series):
        studies = [(s.label, s.x, s.y, None if s.slope is None else -s.slope) for s in plot.series]
        figure = convergence_figure(studies, plot.xlabel, plot.ylabel)
    else:
        computed, exact = ([(s.label, s.x, s.y) for s in plot.series if s.exact is kind] for kind in (False, True))
        figure = curves_figure(computed, exact, plot.xlabel, plot.ylabel, plot.logx, plot.logy)
    for number, series in enumerate(plot.series):
        if series.lower is not None and series.upper is not None:
            shade(figure, number, series.x, series.lower, series.upper)
    return figure


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
