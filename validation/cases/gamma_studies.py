"""Families of gradient systems beside their limits: the study files of `validation/studies`."""

from __future__ import annotations

from pathlib import Path

from mudot.validation.gamma.study import case_of

STUDIES = Path(__file__).resolve().parent.parent / "studies"
GAMMA_STUDIES = tuple(case_of(path) for path in sorted(STUDIES.glob("*.toml")))
