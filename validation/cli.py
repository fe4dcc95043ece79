"""The `mudot` command."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mudot.meshes.errors import MudotError
from mudot.meshes.version import __version__

if TYPE_CHECKING:
    from mudot.validation.outcome import Case
    from mudot.validation.runner import Result

_RUN_EXAMPLES = """examples:
  mudot run problem.toml --output result.h5            solve, with checkpoints
  mudot run problem.toml --output result.h5 --resume   go on after a crash, to the same bytes
"""
_EXAMPLES = """examples:
  mudot run problem.toml --output result.h5    solve the problem of a file
  mudot info result.h5                         what a result holds, and its ledger
  mudot plot result.h5                         pictures beside the result
  mudot reference problem.toml --rtol 1e-3 -o reference.h5   with error bars
  mudot compare result.h5 particles.npz        distances of particles to the flow, beside their noise
  mudot sample result.h5 --time 1 -o draws.npz independent draws
  mudot gamma study.toml -o DIR                a family of gradient systems beside its limit
  mudot validate                               every validation case; report/index.html
"""


def parser() -> argparse.ArgumentParser:
    """The command line; nothing heavy is imported until a command runs."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        "mudot",
        description="Eulerian reference solutions of gradient flows of measures.",
        epilog=_EXAMPLES,
        formatter_class=raw,
    )
    top.add_argument("--version", action="version", version=f"mudot {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser("run", help="solve a problem file", epilog=_RUN_EXAMPLES, formatter_class=raw)
    run.add_argument("problem", type=Path, help="a TOML file")
    run.add_argument("--output", "-o", type=Path, required=True, help="the HDF5 file to write")
    run.add_argument("--resume", action="store_true", help="go on with an unfinished result")
    run.add_argument("--overwrite", action="store_true", help="replace an existing result")
    run.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where to compute (gpu: needs CuPy)")
    info = commands.add_parser("info", help="say what a result file holds")
    info.add_argument("result", type=Path, help="an HDF5 result")
    plot = commands.add_parser("plot", help="draw a result file")
    plot.add_argument("result", type=Path, help="an HDF5 result")
    plot.add_argument("--output", "-o", type=Path, help="folder for the pictures (default: beside the result)")
    reference = commands.add_parser("reference", help="refine until the estimated error is small enough")
    reference.add_argument("problem", type=Path, help="a TOML file; its cells are the coarsest mesh")
    reference.add_argument("--rtol", type=float, default=1e-3, help="relative L1 error of the density at every output")
    reference.add_argument("--output", "-o", type=Path, required=True, help="the HDF5 file to write")
    reference.add_argument("--time", type=float, default=600.0, help="seconds that it may take")
    reference.add_argument("--memory", type=float, help="bytes that it may take")
    reference.add_argument("--box", action="store_true", help="count what cutting the whole space to the box changes")
    reference.add_argument("--overwrite", action="store_true", help="replace an existing result")
    library = commands.add_parser("references", help="the library of references that a paper can cite")
    library.add_argument("--list", action="store_true", help="list the names (the default)")
    library.add_argument("--make", metavar="NAME", help="compute one and compare it with the frozen numbers")
    library.add_argument("--freeze", metavar="NAME", help="compute one and write its numbers into the library")
    library.add_argument("--rtol", type=float, default=1e-2, help="relative L1 error of the density")
    library.add_argument("--output", "-o", type=Path, help="a result file for the densities")
    compare = commands.add_parser("compare", help="hold particles against a result")
    compare.add_argument("result", type=Path, help="an HDF5 result")
    compare.add_argument(
        "particles", type=Path, help=".npz (positions, times, weights) or .csv (time, x, y, z, weight)"
    )
    compare.add_argument("--bandwidth", type=float, help="of the Gaussian kernel of MMD")
    compare.add_argument("--output", "-o", type=Path, help="a JSON file")
    compare.add_argument("--figure", type=Path, help="a picture (.png or .pdf)")
    sample = commands.add_parser("sample", help="independent draws of a result")
    sample.add_argument("result", type=Path, help="an HDF5 result")
    sample.add_argument("--time", type=float, required=True, help="linear between frames")
    sample.add_argument("--number", type=int, default=1000, help="how many")
    sample.add_argument("--seed", type=int, default=0, help="of the generator")
    sample.add_argument("--output", "-o", type=Path, required=True, help="an .npz or .csv file")
    expect = commands.add_parser("expect", help="means of expressions and quartiles under a result")
    expect.add_argument("result", type=Path, help="an HDF5 result")
    expect.add_argument("expression", nargs="+", help="such as 'x**2 + y'")
    expect.add_argument("--time", type=float, help="linear between frames; every frame by default")
    validate = commands.add_parser("validate", help="run validation cases and write the report")
    validate.add_argument("--case", action="append", default=[], metavar="NAME", help="only this case; repeatable")
    validate.add_argument("--list", action="store_true", help="list the cases and stop")
    validate.add_argument("--quick", action="store_true", help="coarse meshes, about two minutes")
    validate.add_argument("--fresh", action="store_true", help="run cases again whose results are kept from before")
    validate.add_argument("--output", "-o", type=Path, default=Path("report"), help="folder of the report")
    _jobs(validate)
    rates = commands.add_parser("rates", help="constants of functional inequalities and decay, as tables and a report")
    rates.add_argument("--quick", action="store_true", help="fewer states, coarse meshes")
    rates.add_argument("--output", "-o", type=Path, default=Path("report-rates"), help="folder of the report")
    _jobs(rates)
    gamma = commands.add_parser("gamma", help="evidence for evolutionary Gamma-convergence, as tables and a report")
    gamma.add_argument("study", type=Path, nargs="?", help="a TOML file with a family and its limit; else every case")
    gamma.add_argument("--quick", action="store_true", help="coarse meshes")
    gamma.add_argument("--output", "-o", type=Path, default=Path("report-gamma"), help="folder of the report")
    _jobs(gamma)
    return top


def _jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--jobs", type=_count, metavar="N", help="cases at a time; one per processor by default")


def _count(text: str) -> int:
    """A positive number for argparse, which names the option in its one line."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 failed on the way or a case failed, 2 unusable input."""
    options = parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except MudotError as error:
        print(f"mudot: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"mudot: interrupted; {_KEPT[options.command]}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1


_KEPT: Mapping[str, str] = defaultdict(
    lambda: "nothing is kept",
    run="finished frames are kept, go on with --resume",
    validate="finished cases are kept, the same command goes on",
)


def _run(options: argparse.Namespace) -> int:
    from mudot.solvers import commands

    return 0 if commands.run(options.problem, options.output, options.resume, options.overwrite, options.device) else 1


def _info(options: argparse.Namespace) -> int:
    from mudot.solvers import commands

    commands.info(options.result)
    return 0


def _plot(options: argparse.Namespace) -> int:
    from mudot.solvers import storage
    from mudot.validation import figures

    folder = options.output or options.result.resolve().parent
    for path in figures.plot(storage.read(options.result), folder):
        print(path)
    return 0


def _reference(options: argparse.Namespace) -> int:
    from mudot.validation import certificates

    reached = certificates.run(
        options.problem, options.rtol, options.output, options.time, options.memory, options.overwrite, options.box
    )
    return 0 if reached else 1


def _references(options: argparse.Namespace) -> int:
    from mudot.validation import references

    name = options.make or options.freeze
    return 0 if references.run(name, options.rtol, options.output, options.freeze is not None) else 1


def _compare(options: argparse.Namespace) -> int:
    from mudot.validation.compare import commands

    fits = commands.run_compare(options.result, options.particles, options.bandwidth, options.output, options.figure)
    return 0 if fits else 1


def _sample(options: argparse.Namespace) -> int:
    from mudot.validation.compare import commands

    commands.run_sample(options.result, options.time, options.number, options.seed, options.output)
    return 0


def _expect(options: argparse.Namespace) -> int:
    from mudot.validation.compare import commands

    commands.run_expect(options.result, options.expression, options.time)
    return 0


def _one_thread_each() -> None:
    """Cases are small and share the processors: one thread each, told before the linear algebra of SciPy is loaded."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def _validate(options: argparse.Namespace) -> int:
    _one_thread_each()
    from mudot.validation import runner

    cases = runner.chosen(options.case)
    if options.list:
        for case in cases:
            print(f"{case.name:28s} {case.title}")
        return 0
    if options.fresh:
        from mudot.validation import kept

        kept.forget(options.output / "cases", [case.name for case in cases], options.quick)
    begin = time.perf_counter()
    results, page = _reported(cases, options)
    passed = sum(result.passed for result in results)
    print(f"{passed} of {len(results)} cases passed in {time.perf_counter() - begin:.0f} s; {page}")
    return 0 if passed == len(results) else 1


def _rates(options: argparse.Namespace) -> int:
    _one_thread_each()
    from mudot.validation import tables
    from mudot.validation.cases import ALL_RATES
    from mudot.validation.rates.table import gathered

    results, page = _reported(ALL_RATES, options)
    tables.show([gathered(result.outcome for result in results)])
    print(page)
    return 0 if all(result.passed for result in results) else 1


def _gamma(options: argparse.Namespace) -> int:
    _one_thread_each()
    from mudot.validation import tables

    if options.study is not None:
        return _gamma_study(options)
    from mudot.validation.cases import GAMMA_CASES

    results, page = _reported(GAMMA_CASES, options)
    for result in results:
        tables.show(result.outcome.tables)
    print(page)
    return 0 if all(result.passed for result in results) else 1


def _gamma_study(options: argparse.Namespace) -> int:
    from mudot.validation import report, runner, tables
    from mudot.validation.gamma.study import FlowFailed, case_of, gamma_study

    begin, busy = time.perf_counter(), time.process_time()
    case = replace(case_of(options.study), command=f"mudot gamma {options.study}")
    try:
        outcome = gamma_study(options.study, options.quick, lambda line: print(f"  {line}", flush=True))
    except FlowFailed as error:
        print(f"mudot: {error}", file=sys.stderr)
        return 1
    result = runner.Result(case.name, outcome, time.perf_counter() - begin, processor=time.process_time() - busy)
    _say(result)
    tables.show(outcome.tables)
    print(report.write(options.output, [case], [result], options.quick, result.seconds))
    return 0 if result.passed else 1


def _reported(cases: Sequence[Case], options: argparse.Namespace) -> tuple[list[Result], Path]:
    """Run cases, or take them as they are kept, and write their report; results, and the page.

    Pictures are drawn as their cases end: at the end they would hold up the report while all processors but one rest.
    """
    from mudot.validation import report, runner

    begin, drawn = time.perf_counter(), {}

    def ended(result: Result) -> None:
        _say(result)
        drawn[result.case] = report.drawings(result)

    results = runner.run_cases(cases, options.quick, ended, options.output / "cases", options.jobs)
    seconds = time.perf_counter() - begin
    return results, report.write(options.output, cases, results, options.quick, seconds, drawn)


def _say(result: Result) -> None:
    checks = result.outcome.checks
    count = sum(check.passed for check in checks)
    verdict = "passed" if result.passed else "FAILED"
    print(f"  {verdict}  {result.case:28s} {count:3d} of {len(checks):3d} checks  {result.seconds:6.1f} s", flush=True)
    if not result.passed:
        for check in (check for check in checks if not check.passed):
            print(f"          {check.claim}: {check.measured:.6g}, expected {check.tolerance}", flush=True)
        if result.error:
            print(result.error, file=sys.stderr)


_COMMANDS = {
    "run": _run,
    "info": _info,
    "plot": _plot,
    "reference": _reference,
    "references": _references,
    "compare": _compare,
    "sample": _sample,
    "expect": _expect,
    "validate": _validate,
    "rates": _rates,
    "gamma": _gamma,
}
