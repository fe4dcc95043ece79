"""A library of references: named targets and flows with frozen numbers, cited as `mudot:NAME@VERSION`.

The problems lie in `library/TARGET/FLOW.toml`; energies, distances (MMD) to the target and moments lie with their error
bars in `library/frozen.json`.
`mudot references --make NAME` computes the densities and compares the numbers; `--freeze NAME` writes them anew, which
is how they came there and what a new version is for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.inputs import read
from mudot.solvers.messages import suggestion
from mudot.validation.certificates import write
from mudot.validation.certify import Certified, certify

VERSION = "1.0"
LIBRARY = Path(__file__).resolve().parent / "library"
FROZEN = LIBRARY / "frozen.json"


@dataclass(frozen=True)
class Agreement:
    """How a recomputed number compares with the frozen one: gap over the sum of both error bars, largest of all."""

    worst: float
    number: str

    @property
    def holds(self) -> bool:
        """Whether every number lies within the error bars."""
        return self.worst <= 1


def names() -> list[str]:
    """All names, such as `double-well-2d/swfr-kl`.

    >>> "gaussian-1d/w-kl" in names()
    True
    """
    return sorted(str(path.relative_to(LIBRARY).with_suffix("")) for path in LIBRARY.rglob("*.toml"))


def problem_of(name: str) -> Path:
    """The problem file of a name, with or without `mudot:` and the version. Raises MudotError for an unknown one."""
    bare = name.removeprefix("mudot:")
    bare, _, version = bare.partition("@")
    if bare not in names():
        raise MudotError(f"references: no reference {bare!r}{suggestion(bare, names())}; `mudot references` lists them")
    if version and version != VERSION:
        raise MudotError(f"references: this is version {VERSION} of the library, not {version}")
    return LIBRARY / f"{bare}.toml"


def frozen() -> dict[str, dict[str, dict[str, list[float]]]]:
    """By name, 'values' and 'bars', and number: one entry per output time; and the kernel of mmd."""
    return dict(json.loads(FROZEN.read_text())) if FROZEN.exists() else {}


def make(name: str, rtol: float, output: Path | None = None) -> tuple[Certified, Agreement | None]:
    """Recompute a reference, write it where asked, and compare with the frozen numbers where there are any."""
    path = problem_of(name)
    inputs = read(path)
    if output is not None:
        storage.check_place(output, "choose another name")
    found = certify(inputs, rtol)
    if output is not None:
        write(inputs, found, output, overwrite=False)
    key = str(path.relative_to(LIBRARY).with_suffix(""))
    known = frozen().get(key)
    return found, None if known is None else _agreement(found, known)


def freeze(name: str, rtol: float) -> None:
    """Write the numbers of a reference into the library."""
    path = problem_of(name)
    found = certify(read(path), rtol)
    content = frozen()
    content[str(path.relative_to(LIBRARY).with_suffix(""))] = {
        "values": {key: [float(v) for v in values] for key, values in found.values.items()},
        "bars": {key: [float(b) for b in bars] for key, bars in found.bars.items()},
        "kernel of mmd": {"gaussian, bandwidth": [found.bandwidth]},
    }
    FROZEN.write_text(json.dumps(dict(sorted(content.items())), indent=1) + "\n")


def _agreement(found: Certified, known: dict[str, dict[str, list[float]]]) -> Agreement:
    ratios = {
        key: float(
            np.max(np.abs(found.values[key] - known["values"][key]) / (found.bars[key] + known["bars"][key] + 1e-12))
        )
        for key in known["values"]
    }
    worst = max(ratios, key=lambda key: ratios[key])
    return Agreement(ratios[worst], worst)


def show() -> None:
    """Print the library: names to cite, and the energy at the last time with its bar."""
    known = frozen()
    for name in names():
        numbers = known.get(name)
        energy = (
            f"F(1) = {numbers['values']['energy'][-1]:.8g} ± {numbers['bars']['energy'][-1]:.1e}" if numbers else ""
        )
        print(f"mudot:{name}@{VERSION:4s}  {energy}")


def run(name: str | None, rtol: float, output: Path | None, frozen_anew: bool) -> bool:
    """`mudot references`: list, make, or freeze."""
    if name is None:
        show()
        return True
    if frozen_anew:
        freeze(name, rtol)
        return True
    found, agreement = make(name, rtol, output)
    print(f"mudot:{name.removeprefix('mudot:').partition('@')[0]}@{VERSION}: {found.message}")
    if agreement is not None:
        verdict = "agrees with" if agreement.holds else "DISAGREES with"
        print(f"{verdict} the frozen numbers: largest gap {agreement.worst:.2g} of the error bars ({agreement.number})")
    return found.reached and (agreement is None or agreement.holds)
