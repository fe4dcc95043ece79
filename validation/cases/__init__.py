"""All validation cases, by subject."""

from mudot.validation.cases.books import BOOKS
from mudot.validation.cases.cross_checks import CROSS_CHECKS
from mudot.validation.cases.flat import FLAT
from mudot.validation.cases.identities import IDENTITIES
from mudot.validation.cases.kernel_exact import KERNEL_EXACT
from mudot.validation.cases.kernels import KERNELS
from mudot.validation.cases.limits import LIMITS
from mudot.validation.cases.network import NETWORK
from mudot.validation.cases.nonlinear import NONLINEAR
from mudot.validation.cases.reaction import REACTION
from mudot.validation.cases.spectrum import SPECTRUM
from mudot.validation.cases.splitting import SPLITTING
from mudot.validation.cases.transport import TRANSPORT
from mudot.validation.cases.witnesses import WITNESSES
from mudot.validation.outcome import Case

CASES: tuple[Case, ...] = (
    *(*TRANSPORT, *REACTION, *SPLITTING, *SPECTRUM, *KERNELS, *KERNEL_EXACT, *FLAT, *IDENTITIES, *LIMITS),
    *(*NONLINEAR, *CROSS_CHECKS, *NETWORK, *WITNESSES, *BOOKS),
)
"""In the order of the report."""
