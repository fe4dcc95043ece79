"""Bayesian logistic regression on the iris data (Fisher 1936): a posterior in two or three parameters as a formula.

Two species, versicolor (-1) and virginica (+1), fifty flowers each; P(+1) = 1/(1 + exp(-(x + y f1 [+ z f2]))) with
f1 = (petal width - 1.7 cm)/0.4 cm, f2 = (petal length - 4.9 cm)/0.8 cm, and the prior N(0, 9 Id). The problem files
`iris-two` and `iris-three` hold the text made here, so that they run without scikit-learn, which brings the data.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

PRIOR = 9.0
"""Variance of every parameter under the prior, which is also where the flows start."""


def flowers() -> tuple[np.ndarray, np.ndarray]:
    """Scaled features, shape (100, 2), and labels -1 and 1, shape (100,). Needs scikit-learn (extra `experiments`)."""
    from sklearn.datasets import load_iris

    data = load_iris()
    chosen = data.target > 0
    length, width = data.data[chosen, 2], data.data[chosen, 3]
    features = np.stack([(width - 1.7) / 0.4, (length - 4.9) / 0.8], axis=1)
    return features, np.where(data.target[chosen] == 2, 1, -1)


def log_posterior(features: np.ndarray, labels: np.ndarray, prior: float) -> str:
    """Unnormalised log posterior as a formula in x (intercept), y[, z]; equal flowers make one term.

    features: shape (data, 1 or 2);   labels: -1 or 1, shape (data,)

    >>> print(log_posterior(np.array([[0.5], [0.5], [-1.0]]), np.array([1, 1, -1]), 4.0))
    -(x**2 + y**2)/8
    - 2*log(1 + exp(-x - 0.5*y))
    - log(1 + exp(x - 1*y))
    """
    names = "xyz"[: features.shape[1] + 1]
    lines = ["-(" + " + ".join(f"{name}**2" for name in names) + f")/{2 * prior:g}"]
    rows = Counter((int(sign), *np.round(row, 6).tolist()) for row, sign in zip(features, labels, strict=True))
    for (sign, *values), count in rows.items():
        linear = "-x" if sign > 0 else "x"
        for name, value in zip(names[1:], values, strict=True):
            slope = -sign * value
            linear += f" {'-' if slope < 0 else '+'} {abs(slope):g}*{name}" if slope else ""
        lines.append(f"- {'' if count == 1 else f'{count}*'}log(1 + exp({linear}))")
    return "\n".join(lines)


def problem_text(parameters: int) -> str:
    """The problem file in two or three parameters."""
    features, labels = flowers()
    formula = log_posterior(features[:, : parameters - 1], labels, PRIOR)
    axes = [("-6.0", "8.0", "84"), ("-2.0", "14.0", "96")] if parameters == 2 else _SPACE
    lower, upper, cells = (", ".join(entry) for entry in zip(*axes, strict=True))
    return f'''# Logistic regression on iris: versicolor against virginica, prior N(0, {PRIOR:g} Id); see iris.py.
title = "Posterior of a logistic regression in {parameters} parameters, from the prior"

[mesh]
lower    = [{lower}]
upper    = [{upper}]
cells    = [{cells}]
boundary = ["no-flux"]

[target]
log_density = """
{formula}"""

[initial]
log_density = "-({" + ".join(f"{name}**2" for name in "xyz"[:parameters])})/{2 * PRIOR:g}"

[energy]
name = "kl"

[geometry]
name = "wasserstein-fisher-rao"
spherical = true

[time]
stop = 4.0
outputs = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0]
rtol = 1e-5
'''


_SPACE = [("-4.0", "5.0", "36"), ("-1.0", "9.0", "40"), ("-1.0", "10.0", "44")]
