"""Pictures of runs and of studies, fit for a paper. All matplotlib is in `figures*.py`, imported when needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mudot.meshes.errors import MudotError
from mudot.validation.figures_book import Drawing, draw, save_book
from mudot.validation.figures_certificate import certificate_figure, certified
from mudot.validation.figures_compare import comparison_figure
from mudot.validation.figures_curves import convergence_figure, curves_figure
from mudot.validation.figures_ledger import ledger_figure
from mudot.validation.figures_maps import maps_figure, marginal_maps_figure, slices_figure
from mudot.validation.figures_profiles import marginal_profiles_figure, profiles_figure
from mudot.validation.figures_scenes import scene_figure
from mudot.validation.figures_style import alarm, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mudot.solvers.results import Result

__all__ = [
    "Drawing",
    "comparison_figure",
    "convergence_figure",
    "curves_figure",
    "draw",
    "figures_of",
    "plot",
    "save",
    "save_book",
    "scene_figure",
]

_DENSITIES: dict[int, dict[str, Callable[[Result], Figure]]] = {
    1: {"densities": profiles_figure},
    2: {"densities": maps_figure, "marginals": marginal_profiles_figure},
    3: {"slices": slices_figure, "marginal-maps": marginal_maps_figure, "marginals": marginal_profiles_figure},
}


def plot(result: Result, folder: Path | str, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Draw a result: its densities and its ledger, one file per picture and format, `<result>-<picture>.<format>`.

    Runs that failed or still run are drawn as far as they go, and the pictures say so. Returns the paths written.
    Raises MudotError for a result without frames, an unknown format, and a folder that cannot be written.
    """
    return [
        save(figure, Path(folder) / f"{result.path.stem}-{name}.{kind}")
        for name, figure in figures_of(result).items()
        for kind in formats
    ]


def figures_of(result: Result) -> dict[str, Figure]:
    """The pictures of a result by name: `densities` on a line; `densities`, `marginals` on a rectangle; `slices`,
    `marginal-maps`, `marginals` in space; always `ledger`; and `certificate` for a certified reference.

    Raises MudotError for a result without frames.
    """
    if not result.committed:
        raise MudotError(f"{result.path}: no frame to draw yet ({result.status}); wait for the first output time")
    draw = {**_DENSITIES[result.mesh.dimension], "ledger": ledger_figure}
    if certified(result):
        draw["certificate"] = certificate_figure
    figures = {name: picture(result) for name, picture in draw.items()}
    warning = _warning(result)
    if warning:
        for figure in figures.values():
            alarm(figure, warning)
    return figures


def _warning(result: Result) -> str:
    """What a reader must know before trusting the picture, empty for a complete run."""
    warnings = []
    if result.damaged:
        warnings.append(f"damaged frames left out: {len(result.damaged)}")
    if result.status != "complete":
        warnings.append(f"{result.committed} of {len(result.outputs)} outputs; {result.status}")
    return "; ".join(warnings)
