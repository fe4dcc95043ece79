"""One plant for every kind of case: a wrong constant, a wrong exponent or a broken scheme turns it red, and at the
check that it concerns. Every section of the report has a plant."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mudot.solvers.energies import DeRegularizedMMD
from mudot.solvers.fluxes import harmonic
from mudot.solvers.geometries import FisherRao, FlatFisherRao, KernelizedFisherRao, Spherical
from mudot.solvers.methods.splitting import SymmetricSplitting
from mudot.validation import reference
from mudot.validation.cases import SECTIONS
from mudot.validation.particles.samplers import Langevin
from mudot.validation.particles.targets import mixture
from mudot.validation.rates import mass, theorems
from tests.validation.plants import Plant, both, module, red, replaced, scaled, spoiled


def few(plant: Plant) -> Plant:
    """The books over two geometries only."""
    chosen = {"fisher-rao": FisherRao(), "spherical fisher-rao": Spherical(FisherRao())}
    return both(replaced("books", _GEOMETRIES=chosen), plant)


def fast(alpha: float, beta: float) -> Plant:
    """Shape and mass for one pair of weights."""
    return replaced("rates_mass", WEIGHTS=((alpha, beta),))


def steeper(patch: pytest.MonkeyPatch) -> None:
    """A bound on the shape with four times the exponent."""
    honest = mass.shape_bound
    patch.setattr(mass, "shape_bound", lambda start, eta, t: honest(start, 4 * eta, t))


def first_order(patch: pytest.MonkeyPatch) -> None:
    """Steps that are a little too long: an error in proportion to the step."""
    honest = SymmetricSplitting.strang
    patch.setattr(
        SymmetricSplitting, "strang", lambda self, mu, t, n, *rest: honest(self, mu, t * (1 + 0.1 / n), n, *rest)
    )


def wrong_target(patch: pytest.MonkeyPatch) -> None:
    """Langevin particles that run to another target than their Eulerian flow."""
    witnesses = module("witnesses")
    langevin = witnesses.witnesses()[0]
    elsewhere = dataclasses.replace(langevin, sampler=Langevin(mixture([1.0], [[1.5]], [[[0.5]]])))
    patch.setattr(witnesses, "witnesses", lambda: [elsewhere])


def wells(constant: float) -> Plant:
    """The Gaussian well alone, with another constant."""
    well = dataclasses.replace(module("rates_transport").WELLS[0], constant=constant)
    return replaced("rates_transport", WELLS=(well,))


def small_bars(patch: pytest.MonkeyPatch) -> None:
    """One known problem with error bars a hundred times too small."""
    certificates = module("certificates")
    honest = certificates.certify

    def certify(*arguments: Any) -> Any:
        found = honest(*arguments)
        bars = {name: bar / 100 for name, bar in found.bars.items()}
        return dataclasses.replace(found, error=found.error / 100, better_error=found.better_error / 100, bars=bars)

    known = next(known for known in certificates.KNOWN if known.quick and known.numbers)
    patch.setattr(certificates, "KNOWN", (known,))
    patch.setattr(certificates, "certify", certify)


PLANTS: dict[str, tuple[str, Plant, str]] = {
    "exact: wrong speed": (
        "fisher-rao-gaussians",
        replaced("reaction", FisherRao=lambda: FisherRao(reaction=1.001)),
        "error of the density",
    ),
    "exact: broken scheme": ("quantiles", spoiled("kernel_exact"), ""),
    "order: broken scheme": ("wfr-1d", spoiled("runs"), "order"),
    "order: wrong flux": ("exponential-fitting", replaced("stationary", scharfetter_gummel=harmonic), "nodal error"),
    "stationary: broken scheme": ("elementary-diffusion", spoiled("stationary"), "step"),
    "splitting: broken scheme": ("splitting-in-time", first_order, "order in time"),
    "spectrum: wrong constant": ("spectral-gaps", scaled(reference, "EIGENVALUES", 1.05), "error over"),
    "passage: wrong constant": ("first-passage", scaled(reference, "PASSAGE_TIMES", 1.01), "error over"),
    "identity: wrong constant": (
        "mmd-and-relative-entropy",
        replaced("kernels", KernelizedFisherRao=lambda kernel: KernelizedFisherRao(kernel, reaction=0.5)),
        "distance of the two flows",
    ),
    "identity: broken scheme": (
        "flat-fokker-planck",
        replaced("flat", FlatFisherRao=lambda pi: FlatFisherRao(pi, reaction=1.01)),
        "relaxation",
    ),
    "nonlinear: wrong constant": ("aggregation", scaled(reference, "AGGREGATION_ERRORS", 0.1), "error over"),
    "gamma: wrong scheme": ("gamma-exact", spoiled("gamma_exact"), ""),
    "ledger: broken scheme": ("energy-dissipation-balance", few(spoiled("books", 1e-4)), "balance over dissipation"),
    "invariants: broken scheme": ("invariants", few(spoiled("books", 1e-4)), "mass drift"),
    "limits: wrong speed": (
        "limits",
        both(
            replaced("limits", GROUPS=(lambda quick: module("limits_frozen").frozen_limits(quick)[:2],)),
            replaced("limits_frozen", FlatFisherRao=lambda omega: FlatFisherRao(omega, reaction=1.01)),
        ),
        "L11 flat FR",
    ),
    "hidden link: wrong constant": (
        "hidden-link",
        both(
            replaced("hidden_link", PATHS=(lambda quick: module("links_reaction").kernelized(24),)),
            replaced("links_reaction", KernelizedFisherRao=lambda kernel: KernelizedFisherRao(kernel, reaction=0.5)),
        ),
        "I1: FR_k of KL",
    ),
    "limits: wrong regularization": (
        "limits",
        both(
            replaced("limits", GROUPS=()),
            replaced("limits", DeRegularizedMMD=lambda kernel, pi, ridge: DeRegularizedMMD(kernel, pi, ridge + 1e-4)),
        ),
        "DrMMD",
    ),
    "certificates: small bars": ("certificates", small_bars, "true error over its bar"),
    "particles: wrong target": ("particles-in-number", wrong_target, "power of n"),
    "rates: wrong constant, transport": ("log-sobolev", wells(2.1), "extrapolated"),
    "rates: broken scheme, transport": ("log-sobolev-plane", spoiled("rates_transport"), "decay"),
    "rates: wrong exponent, shape": (
        "shape-and-mass",
        both(fast(1.0, 1.0), steeper),
        "KL of the shapes",
    ),
    "rates: wrong exponent, mass": (
        "shape-and-mass",
        both(fast(0.5, 1.0), scaled(mass, "log_mass_bound", 0.9)),
        "log of the masses",
    ),
    "rates: wrong symbol": (
        "linear-rates",
        replaced("rates_torus", geometries=lambda mode: {"FR": (FisherRao(), 1 + 1e-5)}),
        "largest relative error",
    ),
    "rates: wrong speed": (
        "lojasiewicz-attained",
        replaced("rates", FisherRao=lambda: FisherRao(reaction=0.95)),
        "gap to 2",
    ),
    "figures: wrong formula": ("figures-of-the-papers", scaled(theorems, "entropy", 1 + 1e-9), "phi_p"),
    "figures: wrong dynamics": ("figures-escape", scaled(theorems, "relaxed", 1 + 1e-9), "error of s"),
}

SLOW: dict[str, tuple[str, Plant, str]] = {
    "experiments: wrong speed": (
        "experiment-barriers",
        replaced("experiments_sampling", FisherRao=lambda: FisherRao(reaction=0.2)),
        "",
    ),
    "network: broken scheme": ("network-on-meshes", spoiled("network", 0.3), ""),
}
ALL = {**PLANTS, **SLOW}


@pytest.mark.parametrize("plant", [*PLANTS, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_what_is_planted_turns_the_case_red_where_it_should(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, put, claim = ALL[plant]
    put(monkeypatch)
    found = red(name)
    assert any(claim in text for text in found), found


def test_every_section_of_the_report_has_a_plant() -> None:
    planted = {name for name, *_ in ALL.values()}
    assert [title for title, cases in SECTIONS if not planted & {case.name for case in cases}] == []


@pytest.mark.parametrize(
    "name",
    ["ledger: broken scheme", "invariants: broken scheme", "rates: wrong exponent, shape", "rates: wrong symbol"],
)
def test_a_case_cut_short_for_a_plant_is_green_without_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shorter = {
        "ledger: broken scheme": few(both()),
        "invariants: broken scheme": few(both()),
        "rates: wrong exponent, shape": fast(1.0, 1.0),
        "rates: wrong symbol": replaced("rates_torus", geometries=lambda mode: {"FR": (FisherRao(), 1.0)}),
    }[name]
    shorter(monkeypatch)
    assert [claim for claim in red(ALL[name][0]) if "number of pairs" not in claim] == []
