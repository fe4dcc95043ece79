"""The hidden link between MMD flows and relative entropies: I1 to I11, every identity between flows, in one table."""

from __future__ import annotations

from collections.abc import Callable

from mudot.validation.cases import links_inverse as inverse
from mudot.validation.cases import links_reaction as reaction
from mudot.validation.cases import links_transport as transport
from mudot.validation.cases.links import Link, page
from mudot.validation.outcome import Case, Check, Outcome


def _cells(quick: bool) -> int:
    """Identities hold on every mesh: a fine one only shows more of the same."""
    return 32 if quick else 64


def _rtol(quick: bool) -> float:
    """Of implicit runs."""
    return 1e-5 if quick else 1e-7


PATHS: tuple[Callable[[bool], list[Link]], ...] = (
    lambda quick: reaction.kernelized(_cells(quick)),
    lambda quick: transport.mmd(_cells(quick)),
    lambda quick: transport.stein(_cells(quick)),
    lambda quick: reaction.relaxation(_cells(quick)),
    lambda quick: reaction.two_points(),
    lambda quick: reaction.interaction_force(_cells(quick)),
    lambda quick: transport.fokker_planck(_cells(quick)),
    lambda quick: transport.filtration(32, (0.0, 1.0, 2.0) if quick else transport.POWERS, 1e-5 if quick else 1e-6),
    lambda quick: transport.flat_both(_cells(quick)),
    lambda quick: inverse.local(_cells(quick), _rtol(quick)),
    lambda quick: inverse.smoother(_cells(quick), _rtol(quick)),
    lambda quick: transport.lawgd(_cells(quick)),
    lambda quick: inverse.both_dekernelized(32, _rtol(quick)),
)
"""In the order of the identities."""


def _identities(quick: bool) -> Outcome:
    outcome = page([link for paths in PATHS for link in paths(quick)])
    for m, order in inverse.orders_of_inverses():
        claim = f"I9, m = {m}: order at which K⁻¹ξ on the mesh tends to (1 - ℓ²Δ)ᵐ ξ"
        outcome.checks.append(Check(claim, order, 0.1, "within", 2.0 * m))
    claim = "I11: R of the sum over the least R₁(u₁) + R₂(u - u₁), relative difference"
    outcome.checks.append(Check(claim, inverse.sum_rule(32), 1e-7))
    return outcome


HIDDEN_LINK = (
    Case(
        "hidden-link",
        "The hidden link between MMD flows and relative entropies",
        "Flows of MMD, KSD, χ² and H⁻¹ distances are flows of relative entropies in other geometries, to the accuracy "
        "of the solvers.",
        "Zhu and Mielke 2024, Lemma 6.11, Prop. 5.3, Ex. 5.2; Gladin, Dvurechensky, Mielke and Zhu 2024, Thm 3.6; "
        "Zhu 2024, arXiv:2411.00214; Chewi et al. 2020; the rest derived",
        "one axis, no-flux walls or a ring; distances in L1, relative to the way travelled; the equation is written "
        "out with dense matrices and integrated by SciPy at 1e-11",
        _identities,
    ),
)
