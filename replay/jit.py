"""What the packages see of numba: compile flags, hooks chosen by type, and a kernel cache that cannot go stale.

numba keys a cached kernel by the place and the bytes of the file that defines it, so an edit to a helper in another
file would silently run the old machine code, and a checkout that moves would compile all again.  Here a module's
kernels lie in a folder named by a digest of every source that shapes them, every flag and every version: change one
byte and the folder is another one; move the checkout and it is the same.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import os
import platform
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import caching, config, event
from numba.extending import intrinsic, overload

from replay import compiler, sources
from replay.folders import cache_folder
from replay.states import Held, by_reference

__all__ = [
    "Held",
    "by_reference",
    "cache_folder",
    "check_bounds",
    "helper",
    "inline",
    "intrinsic",
    "ir",
    "kernel",
    "kernel_folder",
    "likely",
    "types",
    "types_by_hook",
]

COMMON_FLAGS: dict[str, Any] = {"nogil": True, "_nrt": False, "error_model": "numpy", "no_cfunc_wrapper": True}
KERNEL_FLAGS: dict[str, Any] = {**COMMON_FLAGS, "pipeline_class": compiler.KERNEL}
PART_FLAGS: dict[str, Any] = {**COMMON_FLAGS, "pipeline_class": compiler.PART, "no_cpython_wrapper": True}
HELPER_FLAGS: dict[str, Any] = {**PART_FLAGS, "forceinline": False}
INLINE_FLAGS: dict[str, Any] = {**PART_FLAGS, "forceinline": True}
"""A part is called by compiled code alone: Python cannot call it.  Whether it is forced inline is said each time, since
numba takes over from the caller what is left unsaid."""

MANY = 100_000
"""New objects that only a compiler makes."""

PRUNE_DAYS = 30
"""Kernel folders unused for this long are deleted when a new one is made."""


@cache
def _platform() -> str:
    flags = (KERNEL_FLAGS, HELPER_FLAGS, INLINE_FLAGS, os.environ.get("NUMBA_BOUNDSCHECK"))
    return repr((flags, numba.__version__, np.__version__, sys.version, platform.machine()))


@cache
def module_digest(module: str) -> str:
    """Hex digest of everything that shapes a module's compiled code: sources, flags, versions and the processor."""
    return hashlib.sha256(f"{sources.digest(module)}\0{_platform()}".encode()).hexdigest()[:24]


def _prune(root: Path) -> None:
    limit = time.time() - PRUNE_DAYS * 86400
    for folder in root.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def kernel_folder() -> Path | None:
    """The folder of all compiled modules, or None (said once) where none can be written."""
    root = cache_folder() / "kernels"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe = root / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        print(f"notice: kernel cache {root} is not writable ({error.strerror}); compiling in memory", file=sys.stderr)
        return None
    return root


@cache
def _module_folder(root: Path, module: str) -> Path:
    """The folder of one module's kernels as its sources are now."""
    folder = root / f"{module.rpartition('.')[2]}-{module_digest(module)}"
    with contextlib.suppress(OSError):
        if not folder.exists():
            folder.mkdir()
            _prune(root)
        os.utime(folder)
    return folder


class _Place(caching._CacheLocator):  # noqa: SLF001 - numba has no public place for it
    """Where one function's machine code lies: a folder whose name says all that numba would ask of a source file."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._py_file = file
        self._line = function.__code__.co_firstlineno
        self._folder = _module_folder(cache_folder() / "kernels", function.__module__)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return ""

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Place:
        return cls(py_func, py_file)


class _Results(caching.CompileResultCacheImpl):
    _locator_classes = [_Place]  # noqa: RUF012 - as numba reads it


class _Cache(caching.FunctionCache):
    _impl_class = _Results


class _Forgiving:
    """numba's cache of one function, which only ever saves time: damage in it, or a full disk, costs a compilation."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, *of: Any) -> Any:
        """What is stored, or None; what cannot be read is dropped."""
        _spare_linear_algebra()
        try:
            return self._cache.load_overload(*of)
        except Exception:  # noqa: BLE001 - whatever unpickling damaged bytes may raise
            with contextlib.suppress(OSError):
                self._cache.flush()
            return None

    def save_overload(self, *of: Any) -> None:
        """Store, if there is room."""
        try:
            self._cache.save_overload(*of)
        except OSError as error:
            _say_unsaved(error.strerror or str(error))


LINEAR_ALGEBRA = "scipy.linalg"


@cache
def _spare_linear_algebra() -> None:
    """Let numba find no linear algebra of scipy's, which it would load: half a second for what no kernel uses."""
    if LINEAR_ALGEBRA not in sys.modules:
        sys.modules[LINEAR_ALGEBRA] = None  # type: ignore[assignment]
        try:
            importlib.import_module("numba.np.arraymath")
        finally:
            del sys.modules[LINEAR_ALGEBRA]


@cache
def _say_unsaved(why: str) -> None:
    print(f"notice: kernels cannot be kept in {kernel_folder()} ({why}); compiling in memory", file=sys.stderr)


class _Deferral(event.Listener):
    """Signals that come while the compiler works take effect when it next lets go of its lock.

    Their handlers raise, and an exception inside one of LLVM's callbacks is lost, or ends the process.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._before: dict[int, Any] = {}
        self._came: list[int] = []

    def on_start(self, _event: Any) -> None:
        """The main thread takes the lock, perhaps once more."""
        if threading.current_thread() is not threading.main_thread():
            return
        if self._depth == 0:
            self._collects = gc.isenabled()
            if self._collects:
                gc.collect(1)  # of what is young, only what the compiler leaves is to grow old unseen
            gc.disable()
            numbers = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if callable(signal.getsignal(n))]
            self._before = {number: signal.signal(number, self._note) for number in numbers}
        self._depth += 1

    def on_end(self, _event: Any) -> None:
        """It lets go once: what came meanwhile is handled as it would have been before."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._depth -= 1
        if self._depth == 0 or self._came:
            while self._before:
                signal.signal(*self._before.popitem())
        if self._depth == 0 and self._collects:
            if gc.get_count()[0] > MANY:  # these would be looked through now, for a tenth of the compiler's time
                gc.freeze()
                gc.unfreeze()  # they are old now, and wait for a full collection
            gc.enable()
        while self._came:
            signal.raise_signal(self._came.pop())

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._came.append(number)


event.register("numba:compiler_lock", _Deferral())  # type: ignore[no-untyped-call]


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a top-level kernel: cached across processes, holds no GIL and no reference counts, allocates nothing."""
    compiled = numba.njit(**KERNEL_FLAGS)(function)
    if kernel_folder() is not None:
        compiled._cache = _Forgiving(_Cache(function))  # type: ignore[no-untyped-call]  # noqa: SLF001 - numba has no public place for it
    return compiled


def helper(function: Callable[..., Any]) -> Any:
    """Compile a helper that may stay out of line: a slow path.  It is part of each kernel that calls it."""
    return numba.njit(**HELPER_FLAGS)(function)


def inline(function: Callable[..., Any]) -> Any:
    """Compile a helper that is always inlined into the kernel that calls it."""
    return numba.njit(**INLINE_FLAGS)(function)


def check_bounds(context: Any, builder: Any, array: Any, address: Any, size: int) -> None:
    """In an intrinsic: with bounds checks, code that raises IndexError unless ``size`` bytes lie in ``array``.

    They begin at the byte ``address``; ``array`` is what ``context.make_array`` gives.  Without bounds checks, nothing.
    """
    if not config.BOUNDSCHECK:  # type: ignore[attr-defined]
        return
    room = builder.sub(builder.mul(array.nitems, array.itemsize), array.itemsize.type(size))
    with builder.if_then(builder.icmp_unsigned(">", address, room), likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("bytes beyond the end of an array",))


def _likely(_typing: Any, _asked: Any) -> Any:
    def expect(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        bit = ir.IntType(1)
        function = builder.module.declare_intrinsic("llvm.expect", [bit], ir.FunctionType(bit, [bit, bit]))
        return builder.call(function, [values[0], bit(1)])

    return types.boolean(types.boolean), expect


likely: Any = intrinsic(_likely)
"""``likely(condition)`` in an ``if``: the condition, nearly always true; what else there is, is kept out of the way."""


def types_by_hook(stub: Callable[..., Any], table: dict[type, Callable[..., Any]]) -> None:
    """Let compiled calls of ``stub(state, ...)`` run ``table[type(state)]``, chosen at compile time and inlined.

    ``table`` is read when a kernel is first compiled for a state type; a type that it lacks is a TypeError there.
    """

    def choose(state: Any, *_: Any) -> Any:
        chosen = table.get(getattr(state, "instance_class", object))
        return chosen and getattr(chosen, "py_func", chosen)

    _overload_with_arity(stub, choose)


def _overload_with_arity(stub: Callable[..., Any], choose: Callable[..., Any]) -> None:
    # numba matches an overload's parameter names against the implementation's, so the chooser copies the stub's.
    names = ", ".join(stub.__code__.co_varnames[: stub.__code__.co_argcount])
    scope: dict[str, Any] = {"choose": choose}
    exec(f"def chooser({names}): return choose({names})", scope)  # noqa: S102 - only the stub's own names enter
    overload(stub, jit_options=INLINE_FLAGS, strict=False)(scope["chooser"])  # type: ignore[arg-type]
