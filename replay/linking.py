"""Code of a kernel and of its parts, as numba hands it to LLVM: linked once, optimised once, as a whole."""

from __future__ import annotations

from typing import Any

from llvmlite import binding
from numba.core.codegen import JITCodeLibrary
from numba.core.environment import lookup_environment

from replay.states import WORD

__all__ = ["KernelLibrary", "PartLibrary"]

ENVIRONMENT = "_ZN08NumbaEnv"
"""How numba's names of environments begin: where compiled code finds the Python objects of its exceptions."""


class _NoEngine:
    """In place of an engine's code generator where there is no machine code: nothing looks for an environment there."""

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing."""


def _mark(module: Any) -> None:
    """Say of addresses of states that they may be read at any time: LLVM reads what a loop needs before it."""
    for function in module.functions:
        for argument in function.args:
            words = getattr(argument.type.pointee, "count", 0) if argument.type.is_pointer else 0
            if words and argument.name.startswith("arg."):
                argument.attributes.dereferenceable = WORD * words


class _Library(JITCodeLibrary):
    """Code as it was lowered."""

    def add_ir_module(self, module: Any) -> None:
        """Take in what one function was lowered to."""
        _mark(module)
        super().add_ir_module(module)

    def _optimize_functions(self, module: Any) -> None:
        """Functions are optimised where they are linked together."""
        module.data_layout = self._codegen._data_layout  # noqa: SLF001


class PartLibrary(_Library):
    """Code of one function, as it was lowered."""

    @property
    def codegen(self) -> Any:
        """What numba gives the function's environment to."""
        return _NoEngine()

    def add_llvm_module(self, module: Any) -> None:
        """It is one module."""
        module.data_layout = self._codegen._data_layout  # noqa: SLF001
        self._final_module = module

    def finalize(self) -> None:
        """Nothing is linked, optimised or made into machine code: the kernel does it."""
        self._raise_if_finalized()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        self._ensure_finalized()
        return self._final_module

    def copy(self) -> Any:
        """Its module, to be linked into one kernel."""
        return self._get_module_for_linking().clone()


class KernelLibrary(_Library):
    """Code of a kernel and of all parts that it calls, however far down."""

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self.enable_object_caching()

    def finalize(self) -> None:
        """Link each part once, optimise the whole, and make machine code of it."""
        reached = _reached(self._linking_libraries)
        parts = [library for library in reached if isinstance(library, PartLibrary)]
        if parts:
            self._final_module.link_in(_joined([part.copy() for part in parts]))
        self._linking_libraries = [library for library in reached if library not in parts]
        super().finalize()
        for variable in self._final_module.global_variables:
            environment = lookup_environment(variable.name) if variable.name.startswith(ENVIRONMENT) else None
            if environment is not None:
                self.codegen.set_env(variable.name, environment)

    def _optimize_final_module(self) -> None:
        """LLVM's passes, once: numba's own are for reference counts and for loops over arrays."""
        tuning = binding.create_pipeline_tuning_options(speed_level=2)
        tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
        builder = binding.create_pass_builder(self._codegen._tm, tuning)  # noqa: SLF001
        builder.getModulePassManager().run(self._final_module, builder)


def _reached(libraries: list[Any]) -> list[Any]:
    """``libraries`` and those that their parts link, each once, callers first."""
    found: dict[Any, None] = {}
    waiting = list(reversed(libraries))
    while waiting:
        library = waiting.pop()
        if library not in found:
            found[library] = None
            waiting += library._linking_libraries if isinstance(library, PartLibrary) else ()  # noqa: SLF001
    return list(found)


def _joined(modules: list[Any]) -> Any:
    """One module of several, linked in pairs: LLVM reads all of a module each time that it links another into it.

    A kernel takes from it what it calls.
    """
    while len(modules) > 1:
        for into, other in zip(modules[::2], modules[1::2], strict=False):
            into.link_in(other)
        modules = modules[::2]
    for function in modules[0].functions:
        if not function.is_declaration and function.linkage == binding.Linkage.external:
            function.linkage = "linkonce_odr"
    return modules[0]
