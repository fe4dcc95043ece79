"""A hostile stand-in for CuPy: the code path of a device, without a device.

Values live in NumPy arrays, manners are CuPy's at their strictest. A device array becomes a host array through
`to_host` only, never meets a host array in an operation, offers the functions and keywords that CuPy 13 has, and is
used by one thread (the current device is the state of a thread). Whatever would make the host wait for the device is
counted. What passes here may still fail on a GPU: `pytest -m gpu` is the test for that.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache, partialmethod
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.fft
import scipy.sparse
import scipy.special

from mudot.meshes.arrays import ArrayLibrary, register

SCALARS = (bool, int, float, complex, np.generic)
_OWNER = threading.get_ident()


@dataclass
class Traffic:
    """How often arrays were sent either way, and how often the host waited for a number."""

    to_device: int = 0
    to_host: int = 0
    synchronisations: int = 0


_total = Traffic()


@contextmanager
def watched() -> Iterator[Traffic]:
    """The traffic of the block, known when it is left."""
    before, seen = replace(_total), Traffic()
    yield seen
    for field in fields(Traffic):
        setattr(seen, field.name, getattr(_total, field.name) - getattr(before, field.name))


class ndarray:
    """An array of the device. The name, like all others here, is CuPy's."""

    # NumPy's scalars and arrays then leave every operation to this class.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("_values",)

    def __init__(self, values: np.ndarray) -> None:
        if values.dtype.kind in "fc" and values.dtype not in (np.float64, np.complex128):
            raise TypeError(f"an array of {values.dtype} on the device: double precision throughout")
        self._values = values

    shape = property(lambda self: self._values.shape)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    dtype = property(lambda self: self._values.dtype)
    T = property(lambda self: _wrapped(self._values.T))
    flags = property(lambda self: self._values.flags)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("implicit conversion of a device array to a NumPy array")

    def __array_function__(self, function: Callable[..., Any], *_: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} of a device array")

    def __getitem__(self, key: Any) -> ndarray:
        return _wrapped(_values(self)[_index(key, masks_wait=True)])

    def __setitem__(self, key: Any, value: Any) -> None:
        _values(self)[_index(key)] = _values(value)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[ndarray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<device array of shape {self.shape}>"

    def reshape(self, *shape: Any) -> ndarray:
        """As NumPy's."""
        return _wrapped(_values(self).reshape(*shape))

    def astype(self, dtype: Any) -> ndarray:
        """As NumPy's."""
        return _wrapped(_values(self).astype(dtype))


def _values(operand: Any) -> Any:
    """What NumPy gets to see of an operand. Raises TypeError for arrays of the host."""
    if isinstance(operand, ndarray):
        if threading.get_ident() != _OWNER:
            raise TypeError("a device array in another thread")
        return operand._values
    if isinstance(operand, SCALARS):
        return operand
    raise TypeError(f"a device array meets {type(operand).__module__}.{type(operand).__name__} of the host")


def _seen(argument: Any) -> Any:
    """What NumPy gets to see of an argument of a function."""
    if isinstance(argument, (tuple, list)):
        return type(argument)(map(_seen, argument))
    return argument if argument is None or isinstance(argument, (str, type, np.dtype)) else _values(argument)


def _wrapped(values: Any) -> Any:
    return tuple(map(_wrapped, values)) if isinstance(values, tuple) else ndarray(np.asarray(values))


def _index(key: Any, masks_wait: bool = False) -> tuple[Any, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    for part in parts:
        if isinstance(part, ndarray):
            # How many cells a mask selects must be known before the result can be allocated.
            _total.synchronisations += masks_wait and part.dtype.kind == "b"
        elif not (part is None or part is Ellipsis or isinstance(part, (slice, int, np.integer))):
            raise TypeError(f"index of a device array: {type(part).__name__} of the host")
    return tuple(_values(part) if isinstance(part, ndarray) else part for part in parts)


def _binary(operation: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[[ndarray, Any], Any]:
    def method(self: ndarray, other: Any) -> Any:
        pair = (_values(self), _values(other))
        return _wrapped(operation(*(reversed(pair) if swapped else pair)))

    return method


def _unary(operation: Callable[[Any], Any]) -> Callable[[ndarray], Any]:
    return lambda self: _wrapped(operation(_values(self)))


def _in_place(operation: Callable[[Any, Any], Any]) -> Callable[[ndarray, Any], ndarray]:
    def method(self: ndarray, other: Any) -> ndarray:
        operation(_values(self), _values(other))
        return self

    return method


def _waiting(conversion: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: ndarray, *arguments: Any) -> Any:
        _total.synchronisations += 1
        return conversion(_values(self), *arguments)

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"):
    setattr(ndarray, f"__{_name}__", _binary(getattr(operator, f"__{_name}__")))
    setattr(ndarray, f"__r{_name}__", _binary(getattr(operator, f"__{_name}__"), swapped=True))
    setattr(ndarray, f"__i{_name}__", _in_place(getattr(operator, f"__i{_name}__")))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(ndarray, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", _unary(getattr(operator, _name)))
for _conversion in (float, int, bool, complex, operator.index):
    setattr(ndarray, f"__{_conversion.__name__}__", _waiting(_conversion))
for _name in ("item", "tolist", "__format__"):
    setattr(ndarray, _name, _waiting(getattr(np.ndarray, _name)))

POINTWISE = (
    "abs absolute add arctan arctan2 bitwise_and bitwise_or ceil clip copysign cos cosh divide equal exp expm1 floor "
    "fmax fmin greater greater_equal hypot isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp "
    "logical_and logical_not logical_or maximum minimum multiply negative not_equal power reciprocal sign sin sinh "
    "sqrt square subtract tan tanh true_divide"
)
"""Functions of arrays and scalars that broadcast."""

PARAMETERS = {
    **dict.fromkeys(POINTWISE.split(), "x y z"),
    **dict.fromkeys(("sum", "prod", "mean"), "array axis dtype out keepdims"),
    **dict.fromkeys(("max", "min", "all", "any"), "array axis out keepdims"),
    **dict.fromkeys(("argmax", "argmin"), "array axis"),
    **dict.fromkeys(("cumsum", "cumprod"), "array axis dtype out"),
    **dict.fromkeys(("concatenate", "stack"), "arrays axis"),
    **dict.fromkeys(("zeros_like", "ones_like", "empty_like", "ascontiguousarray"), "array dtype"),
    **dict.fromkeys(("zeros", "ones", "empty"), "shape dtype"),
    **dict.fromkeys(("flip", "squeeze", "expand_dims"), "array axis"),
    **dict.fromkeys(("repeat", "take", "roll"), "array what axis"),
    **dict.fromkeys(("reshape", "broadcast_to"), "array shape"),
    **dict.fromkeys(("matmul", "dot"), "array other"),
    "tensordot": "array other axes",
    "moveaxis": "array source destination",
    "transpose": "array axes",
    "ravel": "array",
    "full": "shape fill_value dtype",
    "full_like": "array fill_value dtype",
    "arange": "start stop step",
    "linspace": "start stop num",
    "eye": "N M k",
}
"""Parameters that CuPy has too. `array` must be one of the device, `arrays` several of them."""

CONSTANTS = "inf nan pi newaxis bool_ float64 int32 int64"
METHODS = "sum prod mean max min all any argmax argmin cumsum cumprod ravel repeat squeeze take clip"


def _bound(function: Callable[..., Any], parameters: str) -> Callable[..., Any]:
    names, title = parameters.split(), function.__name__

    def bound(*arguments: Any, **keywords: Any) -> Any:
        if len(arguments) > len(names) or not keywords.keys() <= set(names[len(arguments) :]):
            raise TypeError(f"{title}: CuPy has {parameters}; got {len(arguments)} arguments and {sorted(keywords)}")
        needed = arguments[0] if names[0] == "arrays" else arguments[: names[0] == "array"]
        if not all(isinstance(array, ndarray) for array in needed):
            raise TypeError(f"{title}: expected device arrays")
        return _wrapped(function(*map(_seen, arguments), **{key: _seen(value) for key, value in keywords.items()}))

    return bound


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


xp = SimpleNamespace(
    where=_bound(_where, "array x y"),
    **{name: _bound(getattr(np, name), parameters) for name, parameters in PARAMETERS.items()},
    **{name: getattr(np, name) for name in CONSTANTS.split()},
)
"""The namespace; what it lacks is an AttributeError, as `cupy.block` and `cupy.vecdot` are."""

special = SimpleNamespace(erf=_bound(scipy.special.erf, "x"))
fft = SimpleNamespace(**{name: _bound(getattr(scipy.fft, name), "array s axes") for name in ("rfftn", "irfftn")})

for _name in METHODS.split():
    setattr(ndarray, _name, partialmethod(getattr(xp, _name)))


class csr_matrix:
    """A sparse matrix of the device, made from one of SciPy."""

    __array_ufunc__ = None

    def __init__(self, matrix: Any) -> None:
        if not scipy.sparse.issparse(matrix):
            raise TypeError(f"csr_matrix: expected a sparse matrix of SciPy, got {type(matrix).__name__}")
        _total.to_device += 1
        self._matrix = matrix.tocsr(copy=True)

    shape = property(lambda self: self._matrix.shape)
    T = property(lambda self: _sparse(self._matrix.T.tocsr()))
    data = property(lambda self: _wrapped(self._matrix.data))
    indices = property(lambda self: _wrapped(self._matrix.indices))
    indptr = property(lambda self: _wrapped(self._matrix.indptr))

    def __matmul__(self, vector: Any) -> ndarray:
        if not isinstance(vector, ndarray) or vector.ndim != 1:
            raise TypeError("csr_matrix @ x: expected a vector of the device")
        return _wrapped(self._matrix @ _values(vector))

    def __mul__(self, factor: Any) -> csr_matrix:
        if not isinstance(factor, SCALARS):
            raise TypeError("csr_matrix * x: expected a scalar")
        return _sparse(self._matrix * factor)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> csr_matrix:
        if not isinstance(other, csr_matrix):
            raise TypeError("csr_matrix + x: expected a sparse matrix of the device")
        return _sparse(self._matrix + other._matrix)

    def __abs__(self) -> csr_matrix:
        return _sparse(abs(self._matrix))

    def diagonal(self) -> ndarray:
        """A vector of the device."""
        return _wrapped(self._matrix.diagonal())


def _sparse(matrix: Any) -> csr_matrix:
    result = csr_matrix.__new__(csr_matrix)
    result._matrix = matrix
    return result


def to_device(array: Any) -> ndarray:
    """A copy on the device."""
    if not isinstance(array, (np.ndarray, *SCALARS)):
        raise TypeError(f"to_device: expected an array of the host, got {type(array).__name__}")
    _total.to_device += 1
    return ndarray(np.array(array, order="C"))


def to_host(array: Any) -> np.ndarray:
    """A copy on the host."""
    if not isinstance(array, ndarray):
        raise TypeError(f"to_host: expected an array of the device, got {type(array).__name__}")
    _total.to_host += 1
    return np.array(_values(array))


def fetch(array: Any) -> Callable[[], np.ndarray]:
    """A copy on the host that is made as late as may be: what changes the array before shows in it."""
    if not isinstance(array, ndarray):
        raise TypeError(f"fetch: expected an array of the device, got {type(array).__name__}")
    return lambda: to_host(array)


@cache
def library() -> ArrayLibrary:
    """The stand-in as the numerical core sees it."""
    return ArrayLibrary("device", xp, special, csr_matrix, to_device, to_host, fft, device="stand-in", fetch=fetch)


register(ndarray.__module__.partition(".")[0], library)
