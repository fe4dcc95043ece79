"""Which array library an array belongs to, and what that library offers. The only file that knows CuPy.

The array chooses the device: `array_module(mu)` is NumPy for a NumPy array and CuPy for a CuPy array. There is no
global backend and no environment variable; an array never changes sides except through `to_device` and `to_host`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil

from mudot.meshes import threads
from mudot.meshes.errors import MudotError

Array = Any
"""An array of any supported library; shapes are stated in the docstrings."""


def _host_memory() -> float:
    return float(psutil.virtual_memory().available)


@dataclass(frozen=True, eq=False)
class ArrayLibrary:
    """One array library: everything the numerical core may use of it. There is one object per library.

    name:      'numpy', 'cupy', or the name under which a library was registered
    xp:        the array namespace
    special:   special functions (erf)
    sparse:    a SciPy CSR matrix to the library's own CSR matrix
    to_device: a host array to an array of this library
    to_host:   an array of this library to a NumPy array
    fft:       real transforms in several dimensions (rfftn, irfftn)
    device:    what the arrays live on, in words
    free:      bytes of memory that new arrays can still take there
    exhausted: the exception that says there is none left
    fetch:     begins to bring an array to the host; what it returns waits for it (None: `to_host`, at once)
    """

    name: str
    xp: Any
    special: Any
    sparse: Callable[[Any], Any]
    to_device: Callable[[np.ndarray], Array]
    to_host: Callable[[Array], np.ndarray]
    fft: Any = None
    device: str = "cpu"
    free: Callable[[], float] = _host_memory
    exhausted: type[BaseException] = MemoryError
    fetch: Callable[[Array], Callable[[], np.ndarray]] | None = None


_registered: dict[str, Callable[[], ArrayLibrary]] = {}


def register(package: str, library: Callable[[], ArrayLibrary]) -> None:
    """Make arrays whose type is defined in `package` (its top-level name) known to `array_module`."""
    _registered[package] = library


@cache
def numpy_library() -> ArrayLibrary:
    """NumPy with SciPy: the host."""
    import scipy.fft
    import scipy.special

    # Threads share the lines of a transform: the result does not depend on their number.
    transforms = {name: partial(getattr(scipy.fft, name), workers=threads.count()) for name in ("rfftn", "irfftn")}
    return ArrayLibrary(
        "numpy", np, scipy.special, lambda matrix: matrix, np.asarray, np.asarray, SimpleNamespace(**transforms)
    )


@cache
def cupy_library() -> ArrayLibrary:
    """CuPy: one CUDA device. Raises ImportError without CuPy, RuntimeError without a device."""
    import cupy  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import cupyx.scipy.fft  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import cupyx.scipy.sparse  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import cupyx.scipy.special  # type: ignore[import-not-found, import-untyped, unused-ignore]

    if not cupy.cuda.is_available():
        raise RuntimeError("CuPy is installed but finds no CUDA device")
    sparse, special, fft = cupyx.scipy.sparse.csr_matrix, cupyx.scipy.special, cupyx.scipy.fft
    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"].decode()
    return ArrayLibrary(
        *("cupy", cupy, special, sparse, cupy.asarray, cupy.asnumpy, fft),
        device=f"gpu ({name}, CuPy {cupy.__version__})",
        free=lambda: float(cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes()),
        exhausted=cupy.cuda.memory.OutOfMemoryError,
        fetch=_fetch_from_cupy,
    )


@cache
def _copies() -> Any:
    """The stream on which arrays come back while the device computes on."""
    import cupy

    return cupy.cuda.Stream(non_blocking=True)


def _fetch_from_cupy(array: Array) -> Callable[[], np.ndarray]:
    """Copy to page-locked memory on a stream of its own, once what computes the array is done."""
    import cupy
    import cupyx

    stream, source = _copies(), cupy.ascontiguousarray(array)
    landed = cupyx.empty_pinned(source.shape, source.dtype)
    stream.wait_event(cupy.cuda.get_current_stream().record())
    source.get(stream=stream, out=landed, blocking=False)

    def wait() -> np.ndarray:
        stream.synchronize()
        # The source is held until here: its memory must not serve another array while it is read.
        return np.array(landed).reshape(source.shape)

    return wait


_DEVICES = {"cpu": numpy_library, "gpu": cupy_library}


def library_for(device: str) -> ArrayLibrary:
    """The array library of a device by name, `cpu` or `gpu`. Raises MudotError where it is not to be had.

    >>> library_for("cpu").name
    'numpy'
    """
    try:
        return _DEVICES[device]()
    except KeyError:
        raise MudotError(f"device: expected cpu or gpu, got {device!r}") from None
    except ImportError:
        raise MudotError("device gpu: CuPy is not installed; pip install 'mudot[gpu]', or use the cpu") from None
    except RuntimeError as reason:
        raise MudotError(f"device gpu: {reason}; check the driver, or use the cpu") from None


register("numpy", numpy_library)
register("cupy", cupy_library)


def library_of(array: Array) -> ArrayLibrary:
    """The library an array belongs to. Raises TypeError for anything that is not an array of a known library."""
    package = type(array).__module__.partition(".")[0]
    if package not in _registered:
        raise TypeError(f"expected an array of {', '.join(sorted(_registered))}; got {type(array).__name__}")
    return _registered[package]()


def array_module(array: Array) -> Any:
    """The array namespace of an array.

    >>> array_module(np.zeros(3)).__name__
    'numpy'
    """
    return library_of(array).xp


_BLOCK = 1 << 14


def in_blocks(function: Callable[..., Array], *arrays: Array, over: Array | None = None) -> Array:
    """function(*arrays) for a pointwise function of arrays of one shape, computed so that temporaries stay in cache.

    over: a contiguous array to write the result over, which may be one of the arrays

    On the host a chain of NumPy passes over large arrays is bound by memory traffic; block by block it is two to three
    times faster. On a device the function is called once.

    >>> in_blocks(lambda a, b: a + b, np.ones(3), np.arange(3.0))
    array([1., 2., 3.])
    """
    first = arrays[0]
    if not isinstance(first, np.ndarray) or first.size <= _BLOCK:
        if over is None:
            return function(*arrays)
        over[...] = function(*arrays)
        return over
    flat = [array.reshape(-1) for array in arrays]
    result = np.empty(first.size) if over is None else over.reshape(-1)

    def work(part: slice) -> None:
        for block in blocks(first, part):
            result[block] = function(*(array[block] for array in flat))

    threads.run([partial(work, part) for part in threads.pieces(first.size)])
    return result.reshape(first.shape)


def blocks(like: Array, part: slice | None = None) -> Iterator[slice]:
    """Where to cut flat arrays, or a part of them, so that a chain of passes stays in cache; a device has one block.

    >>> list(blocks(np.zeros(20_000)))
    [slice(0, 16384, None), slice(16384, 20000, None)]
    """
    start, stop = (0, int(like.size)) if part is None else (part.start, part.stop)
    step = _BLOCK if isinstance(like, np.ndarray) else max(1, stop - start)
    return (slice(begin, min(begin + step, stop)) for begin in range(start, stop, step))


def to_host(array: Array) -> np.ndarray:
    """A NumPy array with the same values: the only way off the device."""
    return library_of(array).to_host(array)


def fetched(array: Array) -> Callable[[], np.ndarray]:
    """Begin to bring an array to the host; calling the result waits for it. The array must not change until then.

    >>> fetched(np.ones(2))()
    array([1., 1.])
    """
    library = library_of(array)
    if library.fetch is not None:
        return library.fetch(array)
    return partial(library.to_host, array)


def moved(array: Array, library: ArrayLibrary) -> Array:
    """The array on the device of a library; itself where it is there already."""
    own = library_of(array)
    return array if own is library else library.to_device(own.to_host(array))
