"""Which method solves which flow: by declared structure, with a clear refusal where there is none."""

from __future__ import annotations

from typing import Literal

from mudot.meshes.arrays import array_module
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Energy,
    FreeEnergy,
    InverseSobolev,
    KernelSteinDiscrepancy,
    MaximumMeanDiscrepancy,
    Moreau,
    Pointwise,
    PowerDivergence,
    Renyi,
    ShallowNetwork,
)
from mudot.solvers.fluxes import TwoPointFlux, scharfetter_gummel
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    Spherical,
    Sum,
    Wasserstein,
)
from mudot.solvers.geometries.terms import Term, terms
from mudot.solvers.messages import listed
from mudot.solvers.methods.balanced_steps import BalancedSteps
from mudot.solvers.methods.conservative_runge_kutta import ConservativeRungeKutta
from mudot.solvers.methods.discrete_gradient import DiscreteGradient, StepRule
from mudot.solvers.methods.frozen import MomentaryFit
from mudot.solvers.methods.implicit import DiagonallyImplicit
from mudot.solvers.methods.linear_relaxation import Relaxation
from mudot.solvers.methods.log_runge_kutta import LogRungeKutta
from mudot.solvers.methods.newton_stages import by_basis
from mudot.solvers.methods.protocol import Method
from mudot.solvers.methods.reaction import PowerReaction, Vacuum
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.splitting import SymmetricSplitting
from mudot.solvers.methods.witness import Name
from mudot.solvers.mobilities import Upwind
from mudot.solvers.stolarsky import Stolarsky

Integrator = Literal["automatic", "discrete-gradient", Name]
"""What a user may ask for instead of the method of choice."""
Balanced = PowerDivergence | FreeEnergy | ShallowNetwork
"""Energies with discrete gradients."""
SMOOTH = (
    *(MaximumMeanDiscrepancy, DeRegularizedMMD, Moreau, KernelSteinDiscrepancy, InverseSobolev),
    *(ShallowNetwork, FreeEnergy),
)
"""Energies whose transport is solved explicitly: a kernel smooths their first variation, or the mesh is coarse enough
for the diffusion that they contain."""
ELEMENTARY = frozenset({"wasserstein", "fisher-rao"})
"""Parts without a kernel or a reference."""
FLAT = frozenset({"flat-fisher-rao", "flat-wasserstein", "mmd", "de-stein"})
"""Parts whose Onsager operator does not depend on the density."""
SMOOTHED = frozenset(
    {
        *("stein", "kernel-approximate-wasserstein"),
        *("local-regression-wasserstein", "symmetrized-regression-wasserstein"),
    }
)
"""Parts that transport with velocities smoothed by a kernel: their flows are not stiff."""

REACTIONS = frozenset(
    {
        *("kernelized-fisher-rao", "kernel-approximate-fisher-rao"),
        *("local-regression-fisher-rao", "symmetrized-regression-fisher-rao"),
    }
)
"""Reactions with growth fields smoothed by a kernel."""


def method_for(mesh: Cartesian, energy: Energy, geometry: Geometry, vacuum: Vacuum = "fills") -> Method:
    """The method of choice: exact where there is an exact one. Raises MudotError where there is none, saying why."""
    parts, found = terms(geometry), set(geometry.parts)
    if not parts:
        raise MudotError("geometry: a sum without terms has no flow")
    _check(energy, geometry, parts)
    if found <= {"wasserstein", "fisher-rao"} and isinstance(energy, PowerDivergence):
        return _elementary(mesh, energy, parts, vacuum)
    if found <= {"wasserstein", "fisher-rao"} and isinstance(energy, FreeEnergy) and energy.diffusion > 0:
        return _discrete_gradient(mesh, energy, parts)
    if geometry.multiplicative:
        return LogRungeKutta(mesh, energy, geometry)
    if found <= FLAT:
        return _flat(mesh, energy, geometry, parts)
    if found <= ELEMENTARY and isinstance(energy, Pointwise):
        return DiagonallyImplicit(mesh, energy, geometry)
    if "mmd" in found and found <= FLAT | {"wasserstein"} and isinstance(energy, Pointwise):
        return _interaction_force(mesh, energy, geometry, parts)
    unknown = found - FLAT - SMOOTHED - {"wasserstein", "fisher-rao", *REACTIONS}
    if unknown:
        raise MudotError(f"geometry: no method for {listed(sorted(unknown))}")
    if not (found & SMOOTHED or isinstance(energy, SMOOTH)) or (
        "wasserstein" in found and not isinstance(energy, SMOOTH)
    ):
        raise MudotError(_no_transport(energy))
    return ConservativeRungeKutta(mesh, energy, geometry)


def discrete_gradient(mesh: Cartesian, energy: Energy, geometry: Geometry) -> BalancedSteps:
    """Implicit steps with an exact energy balance for Wasserstein flows of power divergences, free energies and
    networks, with a Fisher-Rao reaction or without. Raises MudotError for other flows."""
    parts = terms(geometry)
    elementary = set(geometry.parts) <= {"wasserstein", "fisher-rao"} and "wasserstein" in geometry.parts
    if not elementary or not isinstance(energy, PowerDivergence | FreeEnergy | ShallowNetwork):
        raise MudotError(
            "method 'discrete-gradient': expected a power divergence, 'free-energy' or 'shallow-network' "
            f"in the geometry 'wasserstein' or 'wasserstein-fisher-rao', got {energy.name} by {geometry}"
        )
    _check(energy, geometry, parts)
    return _discrete_gradient(mesh, energy, parts)


def _check(energy: Energy, geometry: Geometry, parts: tuple[Term, ...]) -> None:
    if isinstance(energy, Renyi) and not geometry.conserves_mass:
        raise MudotError("renyi is an energy of probability measures; use it with a spherical geometry")
    reactions = [part for part in parts if not part.geometry.conserves_mass]
    if {part.spherical for part in reactions} == {True, False}:
        raise MudotError("geometry: plain and spherical reactions in one sum; make all of it Spherical or none")
    if sum(isinstance(part.geometry, Wasserstein) for part in parts) > 1:
        raise MudotError("geometry: more than one Wasserstein part; add their weights instead")


def _no_transport(energy: Energy) -> str:
    return (
        f"the Wasserstein part of {energy.name} is stiff, and no method joins it with parts that a kernel smooths; "
        "leave one of them out"
    )


def _elementary(mesh: Cartesian, energy: PowerDivergence, parts: tuple[Term, ...], vacuum: Vacuum) -> Method:
    """Wasserstein, Fisher-Rao and their sums: two flows that are solved exactly."""
    reactions = [(p.geometry, p.spherical) for p in parts if isinstance(p.geometry, FisherRao)]
    transport = next((p.geometry for p in parts if isinstance(p.geometry, Wasserstein)), None)
    weight = sum(geometry.reaction for geometry, _ in reactions)
    spherical = any(flag for _, flag in reactions)
    if transport is not None and energy.power != 1:
        return _discrete_gradient(mesh, energy, parts)
    if transport is None:
        return PowerReaction(mesh, energy, weight, spherical, vacuum)
    diffusion = _diffusion(mesh, energy, transport)
    if not reactions:
        return diffusion
    return SymmetricSplitting(
        mesh, diffusion, PowerReaction(mesh, energy, weight, spherical, vacuum), weight, spherical
    )


def _discrete_gradient(mesh: Cartesian, energy: Balanced, parts: tuple[Term, ...]) -> BalancedSteps:
    """Wasserstein, with Fisher-Rao or without, solved jointly."""
    transport = sum(p.geometry.transport for p in parts if isinstance(p.geometry, Wasserstein))
    reactions = [p for p in parts if isinstance(p.geometry, FisherRao)]
    weight = sum(_weight(p.geometry) for p in reactions)
    spherical = any(p.spherical for p in reactions)
    names = tuple(name for p in parts for name in p.geometry.parts)
    mobility = _mobility(mesh, energy)
    return BalancedSteps(DiscreteGradient(mesh, energy, mobility, transport, weight, spherical), names)


def _mobility(mesh: Cartesian, energy: Balanced) -> StepRule:
    """Stolarsky, where something diffuses; else upwind."""
    if isinstance(energy, ShallowNetwork):
        return MomentaryFit(energy) if energy.entropy else Upwind()
    if isinstance(energy, FreeEnergy) and not energy.diffusion:
        return Upwind()
    return Stolarsky(energy.exponent, _fitted(mesh, energy))


def _fitted(mesh: Cartesian, energy: PowerDivergence | FreeEnergy) -> TwoPointFlux | None:
    """The Scharfetter-Gummel flux of the target, or of V/D for linear diffusion in a potential."""
    if isinstance(energy, PowerDivergence):
        return scharfetter_gummel(mesh, energy.log_target)
    if energy.potential is None or energy.exponent != 1 or not energy.diffusion:
        return None
    return scharfetter_gummel(mesh, -energy.potential / energy.diffusion)


def _diffusion(mesh: Cartesian, energy: PowerDivergence, transport: Wasserstein) -> FokkerPlanck:
    return FokkerPlanck(mesh, energy.log_target, transport.transport, transport.flux)


def _flat(mesh: Cartesian, energy: Energy, geometry: Geometry, parts: tuple[Term, ...]) -> Method:
    """Geometries with a fixed Onsager operator: linear flows exactly, stiff ones implicitly."""
    exact = _relaxation(mesh, energy, parts)
    if exact is not None:
        return exact
    if isinstance(energy, Pointwise):
        return DiagonallyImplicit(mesh, energy, geometry)
    return ConservativeRungeKutta(mesh, energy, geometry)


def _relaxation(mesh: Cartesian, energy: Energy, parts: tuple[Term, ...]) -> Method | None:
    """chi^2/2 with the target as reference, and MMD^2/2 in the MMD geometry of its own kernel."""
    if isinstance(energy, MaximumMeanDiscrepancy):
        own = [p for p in parts if p.geometry == DeKernelizedFisherRao(energy.kernel, 0.0, _weight(p.geometry))]
        if len(own) < len(parts):
            return None
        weight, spherical = sum(_weight(p.geometry) for p in parts), parts[0].spherical
        return Relaxation(mesh, energy.target, weight, one_mass=spherical)
    if not (isinstance(energy, PowerDivergence) and energy.power == 2):
        return None
    if not all(isinstance(p.geometry, FlatFisherRao | FlatWasserstein) for p in parts):
        return None
    if not all(_same(p.geometry.reference, energy.target) for p in parts):  # type: ignore[attr-defined]
        return None
    reactions = [p for p in parts if isinstance(p.geometry, FlatFisherRao)]
    diffusion = sum(p.geometry.transport for p in parts if isinstance(p.geometry, FlatWasserstein))
    transport = FokkerPlanck(mesh, energy.log_target, diffusion) if diffusion else None
    weight = sum(_weight(p.geometry) for p in reactions)
    return Relaxation(mesh, energy.target, weight, transport, scaled=any(p.spherical for p in reactions))


def _weight(geometry: Geometry) -> float:
    return float(getattr(geometry, "reaction", 1.0))


def _same(one: object, other: object) -> bool:
    return one is other or bool((array_module(one).abs(one - other) <= 1e-14 * other).all())  # type: ignore[operator]


def _interaction_force(mesh: Cartesian, energy: Pointwise, geometry: Geometry, parts: tuple[Term, ...]) -> Method:
    """Wasserstein plus MMD: jointly and implicitly where the kernel has a basis; else KL by diffusion exactly and the
    MMD part implicitly, one after the other."""
    if by_basis(mesh, energy, geometry) is not None:
        return DiagonallyImplicit(mesh, energy, geometry)
    if not isinstance(energy, PowerDivergence) or energy.power != 1 or len({p.geometry.parts for p in parts}) > 2:
        raise MudotError(
            f"interaction-force transport of {energy.name} needs a kernel whose inverse is at hand: gaussian on any "
            "mesh, or a radial kernel on a periodic one, with a regularization above 1e-9 of its largest eigenvalue"
        )
    transport = next(p.geometry for p in parts if isinstance(p.geometry, Wasserstein))
    inverse = [p for p in parts if isinstance(p.geometry, DeKernelizedFisherRao)]
    rest: Geometry = inverse[0].geometry if len(inverse) == 1 else Sum(tuple(p.geometry for p in inverse))
    spherical = inverse[0].spherical
    reaction = DiagonallyImplicit(mesh, energy, Spherical(rest) if spherical else rest)
    speed = sum(_weight(p.geometry) for p in inverse)
    return SymmetricSplitting(mesh, _diffusion(mesh, energy, transport), reaction, speed, spherical)
