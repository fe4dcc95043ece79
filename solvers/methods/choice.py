"""Which method solves which flow: by declared structure, with a clear refusal where there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import Energy, PowerDivergence, Renyi, ShallowNetwork
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Sum, Wasserstein
from mudot.solvers.geometries.wasserstein import FaceMobility
from mudot.solvers.methods.conservative_runge_kutta import ConservativeRungeKutta
from mudot.solvers.methods.log_runge_kutta import LogRungeKutta
from mudot.solvers.methods.protocol import Method
from mudot.solvers.methods.reaction import PowerReaction, Vacuum
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.splitting import SymmetricSplitting


@dataclass(frozen=True)
class Structure:
    """A geometry as transport + reaction."""

    transport: tuple[Wasserstein, ...] = ()
    plain: tuple[FisherRao, ...] = ()
    spherical: tuple[FisherRao, ...] = ()


def elementary(geometry: Geometry) -> bool:
    """Whether a geometry is made of Wasserstein and Fisher-Rao parts alone."""
    if isinstance(geometry, Sum):
        return all(elementary(term) for term in geometry.terms)
    if isinstance(geometry, Spherical):
        return elementary(geometry.base)
    return isinstance(geometry, Wasserstein | FisherRao)


def smoothed(geometry: Geometry) -> bool:
    """Whether a geometry transports, and only with velocities smoothed by a kernel: its flows are not stiff."""
    parts = set(geometry.parts)
    return bool(parts & {"stein", "kernel-approximate-wasserstein"}) and "wasserstein" not in parts


def with_mobility(geometry: Geometry, mobility: FaceMobility) -> Geometry:
    """The geometry with a rule for the density on faces in its Wasserstein parts."""
    if isinstance(geometry, Wasserstein):
        return replace(geometry, mobility=mobility)
    if isinstance(geometry, Sum):
        return Sum(tuple(with_mobility(term, mobility) for term in geometry.terms))
    if isinstance(geometry, Spherical):
        return Spherical(with_mobility(geometry.base, mobility))
    return geometry


def structure(geometry: Geometry, spherical: bool = False) -> Structure:
    """The elementary parts of a geometry. Raises MudotError for a geometry that no method here knows."""
    if isinstance(geometry, Wasserstein):
        return Structure(transport=(geometry,))
    if isinstance(geometry, FisherRao):
        return Structure(spherical=(geometry,)) if spherical else Structure(plain=(geometry,))
    if isinstance(geometry, Spherical):
        return structure(geometry.base, True)
    if isinstance(geometry, Sum):
        parts = [structure(term, spherical) for term in geometry.terms]
        return Structure(
            sum((p.transport for p in parts), ()),
            sum((p.plain for p in parts), ()),
            sum((p.spherical for p in parts), ()),
        )
    raise MudotError(f"geometry: no method for {type(geometry).__name__}")


def method_for(mesh: Cartesian, energy: Energy, geometry: Geometry, vacuum: Vacuum = "fills") -> Method:
    """The method of choice: exact where there is an exact one. Raises MudotError where there is none, saying why."""
    if isinstance(energy, Renyi) and not geometry.conserves_mass:
        raise MudotError("renyi is an energy of probability measures; use it with a spherical geometry")
    if smoothed(geometry):
        return ConservativeRungeKutta(mesh, energy, geometry)
    if isinstance(energy, ShallowNetwork) and elementary(geometry) and "wasserstein" in geometry.parts:
        return ConservativeRungeKutta(mesh, energy, with_mobility(geometry, energy.mobility))
    if not elementary(geometry):
        if geometry.multiplicative:
            return LogRungeKutta(mesh, energy, geometry)
        raise MudotError(f"geometry: no method for {geometry} with the energy {energy.name}")
    if not isinstance(energy, PowerDivergence):
        if geometry.multiplicative:
            return LogRungeKutta(mesh, energy, geometry)
        raise MudotError(_no_transport(energy))
    parts = structure(geometry)
    if parts.transport and energy.power != 1:
        raise MudotError(_no_transport(energy))
    if parts.plain and parts.spherical:
        raise MudotError("geometry: plain and spherical Fisher-Rao in one sum; make all of it Spherical or none")
    reaction = _reaction(mesh, energy, parts, vacuum)
    transport = _transport(mesh, energy, parts)
    if transport is not None and reaction is not None:
        return SymmetricSplitting(mesh, transport, reaction)
    chosen = transport or reaction
    if chosen is None:
        raise MudotError("geometry: a sum without terms has no flow")
    return chosen


def _no_transport(energy: Energy) -> str:
    return (
        f"the Wasserstein flow of {energy.name} is not available in this version; "
        "energy 'kl' goes with every geometry, the others with those of Fisher-Rao type"
    )


def _transport(mesh: Cartesian, energy: PowerDivergence, parts: Structure) -> FokkerPlanck | None:
    if not parts.transport:
        return None
    if len(parts.transport) > 1:
        raise MudotError("geometry: more than one Wasserstein part; add their weights instead")
    part = parts.transport[0]
    return FokkerPlanck(mesh, energy.log_target, part.transport, part.flux)


def _reaction(mesh: Cartesian, energy: PowerDivergence, parts: Structure, vacuum: Vacuum) -> PowerReaction | None:
    terms = parts.plain + parts.spherical
    if not terms:
        return None
    return PowerReaction(mesh, energy, sum(t.reaction for t in terms), bool(parts.spherical), vacuum)
