"""All validation cases, by subject."""

from mudot.validation.cases.books import BOOKS
from mudot.validation.cases.certificates import CERTIFICATES
from mudot.validation.cases.comparison import COMPARISON
from mudot.validation.cases.cross_checks import CROSS_CHECKS
from mudot.validation.cases.experiments_ksd import EXPERIMENTS_KSD
from mudot.validation.cases.experiments_mmd import EXPERIMENTS_MMD
from mudot.validation.cases.experiments_rings import EXPERIMENTS_RINGS
from mudot.validation.cases.experiments_sampling import EXPERIMENTS_SAMPLING
from mudot.validation.cases.flat import FLAT, FLAT_IDENTITIES
from mudot.validation.cases.fronts import FRONTS
from mudot.validation.cases.gamma import GAMMA
from mudot.validation.cases.gamma_exact import GAMMA_EXACT
from mudot.validation.cases.gamma_rates import GAMMA_RATES
from mudot.validation.cases.gamma_smoothed import GAMMA_SMOOTHED
from mudot.validation.cases.gamma_studies import GAMMA_STUDIES
from mudot.validation.cases.gamma_transport import GAMMA_TRANSPORT
from mudot.validation.cases.gamma_weak import GAMMA_WEAK
from mudot.validation.cases.hidden_link import HIDDEN_LINK
from mudot.validation.cases.identities import IDENTITIES
from mudot.validation.cases.in_time import IN_TIME
from mudot.validation.cases.kernel_exact import KERNEL_EXACT
from mudot.validation.cases.kernels import KERNELS, MMD_AND_KL
from mudot.validation.cases.library import LIBRARY
from mudot.validation.cases.limits import LIMITS
from mudot.validation.cases.network import NETWORK
from mudot.validation.cases.nonlinear import NONLINEAR
from mudot.validation.cases.papers import PAPERS
from mudot.validation.cases.rates import RATES
from mudot.validation.cases.rates_convexity import RATES_CONVEXITY
from mudot.validation.cases.rates_every import RATES_EVERY
from mudot.validation.cases.rates_geodesics import RATES_GEODESICS
from mudot.validation.cases.rates_kernel import RATES_KERNEL
from mudot.validation.cases.rates_kl import RATES_KL
from mudot.validation.cases.rates_late import RATES_LATE
from mudot.validation.cases.rates_mass import RATES_MASS
from mudot.validation.cases.rates_slow import RATES_SLOW
from mudot.validation.cases.rates_torus import RATES_TORUS
from mudot.validation.cases.rates_transport import RATES_TRANSPORT
from mudot.validation.cases.reaction import REACTION
from mudot.validation.cases.spectrum import SPECTRUM
from mudot.validation.cases.splitting import SPLITTING
from mudot.validation.cases.stationary import STATIONARY
from mudot.validation.cases.transport import TRANSPORT
from mudot.validation.cases.wells import WELLS
from mudot.validation.cases.witnesses import WITNESSES
from mudot.validation.cases.witnesses_law import WITNESSES_LAW
from mudot.validation.outcome import Case

ALL_RATES: tuple[Case, ...] = (
    *RATES,
    *RATES_EVERY,
    *RATES_LATE,
    *RATES_TRANSPORT,
    *RATES_KL,
    *RATES_KERNEL,
    *RATES_CONVEXITY,
    *RATES_GEODESICS,
    *RATES_MASS,
    *RATES_SLOW,
    *RATES_TORUS,
)
"""What `mudot rates` computes."""

GAMMA_CASES: tuple[Case, ...] = (
    *GAMMA_STUDIES,
    *GAMMA,
    GAMMA_RATES,
    *GAMMA_EXACT,
    GAMMA_TRANSPORT,
    GAMMA_SMOOTHED,
    GAMMA_WEAK,
)
"""Those of `mudot gamma`."""

SECTIONS: tuple[tuple[str, tuple[Case, ...]], ...] = (
    ("Transport, reaction and their sums", (*TRANSPORT, *STATIONARY, *REACTION, *SPLITTING, *SPECTRUM)),
    ("Kernel geometries", (*KERNELS, *KERNEL_EXACT)),
    (
        "The hidden link between MMD flows and relative entropies",
        (*HIDDEN_LINK, MMD_AND_KL, *IDENTITIES, *FLAT_IDENTITIES),
    ),
    ("Interaction-force transport, and which geometry converges to which", (*FLAT, *LIMITS)),
    ("Evolutionary Γ-convergence", GAMMA_CASES),
    ("Nonlinear transport", (*FRONTS, *NONLINEAR, *IN_TIME, *CROSS_CHECKS, *WELLS)),
    ("Networks and particles", (*NETWORK, *WITNESSES, *WITNESSES_LAW)),
    ("Published experiments", (*EXPERIMENTS_MMD, *EXPERIMENTS_KSD, *EXPERIMENTS_RINGS, *EXPERIMENTS_SAMPLING)),
    ("Functional inequalities and decay rates", (*ALL_RATES, *PAPERS)),
    ("Error bars, references and comparison", (*CERTIFICATES, *LIBRARY, *COMPARISON)),
    ("Balances and invariants", BOOKS),
)
"""In the order of the report."""

CASES: tuple[Case, ...] = tuple(case for _, cases in SECTIONS for case in cases)
