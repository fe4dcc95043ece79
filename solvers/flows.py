"""Gradient flows mu' = -K(mu) DF(mu) and their solution: energy x geometry = flow. This file knows everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, fetched, library_of
from mudot.meshes.averages import check_density, integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.meshes.memory import keep_freed
from mudot.solvers.energies import (
    Energy,
    FreeEnergy,
    JensenShannon,
    MaximumMeanDiscrepancy,
    PowerDivergence,
    Renyi,
    ShallowNetwork,
)
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.frames import Frame
from mudot.solvers.geometries import Geometry
from mudot.solvers.geometries.dress import with_flux, with_mobility, with_origin
from mudot.solvers.ledger import Ledger, State
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods import witness
from mudot.solvers.methods.choice import ELEMENTARY, Integrator, discrete_gradient, method_for
from mudot.solvers.methods.protocol import Method
from mudot.solvers.methods.reaction import Vacuum
from mudot.solvers.mobilities import Bounded
from mudot.solvers.trajectories import MemoryTrajectory, Trajectory

Observer = Callable[[float], None]
"""Called with the time reached after every panel."""


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """The gradient system (mesh, F, R) and the method that solves its flow.

    integrator: 'automatic', 'discrete-gradient' for implicit steps with an exact energy balance, or a witness's name
    vacuum: 'fills' or 'stays', what happens where the density is zero under Fisher-Rao flows of phi_p, 0 < p < 1
    Raises MudotError where energy, geometry and mesh do not go together.

    >>> from mudot.solvers import KullbackLeibler, Wasserstein
    >>> mesh = Cartesian(64, -4.0, 4.0)
    >>> flow = GradientFlow(mesh, KullbackLeibler(np.exp(-mesh.centers[0] ** 2 / 2)), Wasserstein())
    >>> flow.method.description
    'Fokker-Planck semigroup, separable potential, one exponential per axis, no time error'
    """

    mesh: Cartesian
    energy: Energy
    geometry: Geometry
    vacuum: Vacuum = "fills"
    integrator: Integrator = "automatic"

    def __post_init__(self) -> None:
        if isinstance(self.energy, PowerDivergence) and tuple(self.energy.target.shape) != self.mesh.shape:
            raise MudotError(f"target: expected shape {self.mesh.shape}, got {tuple(self.energy.target.shape)}")
        _ = self.method

    @cached_property
    def method(self) -> Method:
        """The time-stepping method of choice."""
        if self.integrator == "discrete-gradient":
            return discrete_gradient(self.mesh, self.energy, self.geometry)
        if self.integrator in witness.NAMES:
            return witness.witness_for(self.integrator, self.mesh, self.energy, self.geometry)
        # Exact methods for divergences bring the flux with them.
        known = isinstance(self.energy, PowerDivergence) and set(self.geometry.parts) <= ELEMENTARY
        return method_for(self.mesh, self.energy, self.geometry if known else self.discrete_geometry, self.vacuum)

    @cached_property
    def discrete_geometry(self) -> Geometry:
        """The geometry with what the energy brings along: its own two-point flux on the faces, so that the semidiscrete
        flow is exactly the gradient flow of this geometry; a mobility for its velocities; the origin of its forces."""
        if not {"wasserstein", "mmd"} & set(self.geometry.parts):
            return self.geometry
        if self.integrator in witness.NAMES:
            return with_mobility(self.geometry, self.method.mobility)  # type: ignore[attr-defined]
        if isinstance(self.energy, PowerDivergence | JensenShannon | Renyi):
            flux = scharfetter_gummel(self.mesh, self.energy.log_target)
            if isinstance(self.energy, PowerDivergence) and (
                self.energy.power == 1 or set(self.geometry.parts) <= ELEMENTARY
            ):
                return with_flux(self.geometry, flux)
            return with_mobility(self.geometry, partial(self.energy.diffusive_mobility, flux))
        if isinstance(self.energy, ShallowNetwork | FreeEnergy):
            return with_mobility(self.geometry, self.energy.mobility)
        if isinstance(self.energy, MaximumMeanDiscrepancy):
            return with_origin(with_mobility(self.geometry, Bounded()), self.energy.kernel, self.energy.target)
        logs = getattr(self.energy, "log_target", None)
        return with_mobility(self.geometry, Bounded(None if logs is None else scharfetter_gummel(self.mesh, logs)))

    def on(self, library: ArrayLibrary) -> GradientFlow:
        """The same flow with its data on another device. Raises MudotError for integrators that run on the host."""
        if library.xp is not np and self.integrator in witness.ON_THE_HOST:
            raise MudotError(f"method {self.integrator!r}: runs on the cpu only; choose another method or the cpu")
        return replace(self, energy=self.energy.on(library), geometry=self.geometry.on(library))

    def ledger(self, rtol: float) -> Ledger:
        """The books of a run at this tolerance."""
        return Ledger(self.mesh, self.energy, self.discrete_geometry, self.method, rtol)

    def rate(self, density: Array) -> Array:
        """mu' = -K(mu) DF(mu) from energy and geometry, shape `mesh.shape`; the density must be positive."""
        onsager = self.discrete_geometry.onsager(self.mesh, density)
        return -onsager.apply(self.energy.first_variation(self.mesh, density))


@dataclass(frozen=True, eq=False)
class Solution:
    """A finished run: frames at the output times, and how it ended.

    status: 'complete' or 'failed'; message: one sentence
    Arrays over time have shape (frames,); `density` has shape (frames, *mesh.shape).
    """

    flow: GradientFlow
    frames: tuple[Frame, ...]
    status: str
    message: str

    def _series(self, name: str) -> np.ndarray:
        return np.array([getattr(frame, name) for frame in self.frames])

    times = property(lambda self: self._series("time"), doc="Output times.")
    density = property(lambda self: self._series("density"), doc="Cell averages at the output times.")
    energy = property(lambda self: self._series("energy"), doc="F(mu(t)).")
    mass = property(lambda self: self._series("mass"), doc="Total mass.")
    minimum = property(lambda self: self._series("minimum"), doc="Least cell average.")
    dissipation = property(lambda self: self._series("dissipation"), doc="int_0^t (R + R*) ds.")
    balance = property(lambda self: self._series("balance"), doc="F(mu(t)) + dissipation - F(mu_0).")
    rate = property(lambda self: self._series("rate"), doc="int_0^t R ds by parts, shape (frames, parts).")
    slope = property(lambda self: self._series("slope"), doc="int_0^t R* ds by parts, shape (frames, parts).")


def solve(
    flow: GradientFlow,
    start: Array,
    times: Sequence[float],
    rtol: float = 1e-6,
    trajectory: Trajectory | None = None,
    restart: Frame | None = None,
    observer: Observer | None = None,
) -> Solution:
    """Solve the flow from cell averages `start`, shape `mesh.shape`, and record it at the increasing `times` >= 0.

    rtol:       relative tolerance of the time integration and of the ledger's quadrature
    trajectory: where frames go (memory by default; `FileTrajectory` for a file, then the solution holds no frames)
    restart:    a frame of an earlier run of the same problem to go on from; the densities that follow are the same to
                the bit as those of an uninterrupted run
    Raises MudotError for densities and times that cannot be used. A failure on the way is a status, not an exception.

    >>> from mudot.solvers import FisherRao, KullbackLeibler
    >>> mesh = Cartesian(4, 0.0, 1.0)
    >>> flow = GradientFlow(mesh, KullbackLeibler(np.ones(4)), FisherRao())
    >>> solve(flow, np.full(4, np.e), times=[0.0, np.log(2.0)]).density[1]
    array([1.64872127, 1.64872127, 1.64872127, 1.64872127])
    """
    keep_freed()
    times = [float(t) for t in times]
    _check(flow, start, times, rtol)
    library = library_of(start)
    record = trajectory if trajectory is not None else MemoryTrajectory()
    try:
        flow = flow.on(library)
        ledger = flow.ledger(rtol)
        for state, final in _march(ledger, start, times, restart, observer):
            if final:
                record.append(_frame(ledger, state))
            else:
                record.checkpoint(partial(_frame, ledger, state))
    except (NotConverged, library.exhausted) as reason:
        why = _why(reason, library)
        record.finish(f"failed: {why}")
        return Solution(flow, _frames(record), "failed", why)
    record.finish("complete")
    return Solution(flow, _frames(record), "complete", f"reached t = {times[-1]:g}")


def _why(reason: BaseException, library: ArrayLibrary) -> str:
    if isinstance(reason, NotConverged):
        return str(reason)
    return f"no memory left on the {library.device}; use fewer cells"


def _frames(record: Trajectory) -> tuple[Frame, ...]:
    return tuple(record.frames) if isinstance(record, MemoryTrajectory) else ()


def _check(flow: GradientFlow, start: Array, times: list[float], rtol: float) -> None:
    check_density(flow.mesh, start, "initial density")
    if not float(start.max()) > 0:
        raise MudotError("initial density: expected some mass, found none")
    if not times or times[0] < 0 or not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
        raise MudotError("times: expected a non-empty, strictly increasing list of finite numbers >= 0")
    if not 0 < rtol <= 0.1:
        raise MudotError(f"rtol: expected a number in (0, 0.1], got {rtol}")


def _march(
    ledger: Ledger, start: Array, times: list[float], restart: Frame | None, observer: Observer | None
) -> Iterator[tuple[State, bool]]:
    """All states still to come; True marks those at output times, False the states between them."""
    state = ledger.start(start)
    done = -1.0
    if restart is not None:
        state, done = _state(restart, library_of(start), state.first), restart.time
    for time in times:
        if time <= done:
            continue
        while state.time < time:
            state = ledger.panel(state, time) if np.isfinite(state.first) else ledger.skip(state, time)
            if observer is not None:
                observer(state.time)
            if state.time < time:
                yield state, False
        yield state, True


def _state(frame: Frame, library: ArrayLibrary, first: float) -> State:
    return State(
        frame.time,
        library.to_device(frame.density),
        frame.rate,
        frame.slope,
        frame.step,
        frame.substep,
        frame.steps,
        first,
    )


def _frame(ledger: Ledger, state: State) -> Frame:
    # The density travels while the device adds up the rest.
    arriving = fetched(state.density)
    energy = ledger.energy.value(ledger.mesh, state.density)
    return Frame(
        time=state.time,
        density=arriving(),
        energy=energy,
        balance=energy - state.first + state.dissipation if np.isfinite(state.first) else float("nan"),
        mass=integrate(ledger.mesh, state.density),
        minimum=float(state.density.min()),
        rate=state.rate,
        slope=state.slope,
        step=state.step,
        substep=state.substep,
        steps=state.steps,
    )
