"""How numba compiles here: a function that only compiled code calls is optimised once, in the kernel that takes it up.

numba optimises each compiled function as a library of its own, with all that it calls linked in, and makes machine code
of it.  A model is a hundred small functions around one kernel, which inlines most of them and optimises the rest again:
all that work on the small ones is for nothing.  Here they are *parts*: modules of unoptimised code, which
a kernel links in, each once.  What this rests on is private to numba, so another version than the measured one compiles
as numba does.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numba
from llvmlite import binding
from numba.core import typed_passes as typed
from numba.core import types
from numba.core import untyped_passes as untyped
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager
from numba.core.environment import lookup_environment
from numba.core.errors import new_error_context  # type: ignore[attr-defined]

__all__ = ["KERNEL", "PART"]

MEASURED = "0.68."
"""Versions of numba whose private interfaces are as they are used here."""

ENVIRONMENT = "_ZN08NumbaEnv"
"""How numba's names of environments begin: where compiled code finds the Python objects of its exceptions."""


class _NoEngine:
    """In place of an engine's code generator where there is no machine code: nothing looks for an environment there."""

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing."""


def _mark(module: Any, target: Any) -> None:
    """Say of addresses of states that they may be read at any time: LLVM reads what a loop needs before it."""
    for function in module.functions:
        for argument in function.args:
            if argument.type.is_pointer and argument.name.startswith("arg."):
                argument.attributes.dereferenceable = argument.type.pointee.get_abi_size(target)


class _PartLibrary(JITCodeLibrary):
    """Code of one function, as it was lowered."""

    def add_ir_module(self, module: Any) -> None:
        """Take in what one function was lowered to."""
        _mark(module, self._codegen.target_data)
        super().add_ir_module(module)

    @property
    def codegen(self) -> Any:
        """What numba gives the function's environment to."""
        return _NoEngine()

    def finalize(self) -> None:
        """Nothing is linked, optimised or made into machine code: the kernel does it."""
        self._raise_if_finalized()
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == binding.Linkage.external:
                function.linkage = "linkonce_odr"
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        self._ensure_finalized()
        return self._final_module


class _KernelLibrary(JITCodeLibrary):
    """Code of a kernel and of all parts that it calls, however far down."""

    def add_ir_module(self, module: Any) -> None:
        """Take in what one function was lowered to."""
        _mark(module, self._codegen.target_data)
        super().add_ir_module(module)

    def finalize(self) -> None:
        """Link each part once, optimise the whole, and make machine code of it."""
        self._linking_libraries = _reached(self._linking_libraries)
        super().finalize()
        for variable in self._final_module.global_variables:
            environment = lookup_environment(variable.name) if variable.name.startswith(ENVIRONMENT) else None
            if environment is not None:
                self.codegen.set_env(variable.name, environment)


def _reached(libraries: list[Any]) -> list[Any]:
    """``libraries`` and those that their parts link, each once, callers first."""
    found: dict[Any, None] = {}
    waiting = list(reversed(libraries))
    while waiting:
        library = waiting.pop()
        if library not in found:
            found[library] = None
            waiting += library._linking_libraries if isinstance(library, _PartLibrary) else ()  # noqa: SLF001
    return list(found)


class _Typing:
    """numba's typing context, which remembers what a call with arguments of some types was found to be.

    numba looks for the meaning of ``a + b`` among hundreds of signatures, for each place where it is written.
    """

    remembered: ClassVar[dict[Any, Any]] = {}

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, args: Any, kws: Any) -> Any:
        """The signature of a call, None if there is none; raises numba's TypingError."""
        if kws or not all(isinstance(arg, types.Type) for arg in args):
            return self._context.resolve_function_type(function, args, kws)
        return self._remember((function, *args), "resolve_function_type", (function, args, kws))

    def resolve_setitem(self, *of: Any) -> Any:
        """The signature of a store to an array's element."""
        return self._remember(of, "resolve_setitem", of)

    def _remember(self, key: Any, method: str, of: Any) -> Any:
        found = self.remembered.get((method, *key))
        if found is None:
            found = self.remembered[(method, *key)] = getattr(self._context, method)(*of)
        return found


class _Stages(PassManager):
    """Stages run one after the other; numba checks the function's graph anew after each, which none of these needs."""

    def _runPass(self, _index: int, stage: Any, state: Any) -> None:  # noqa: N802 - numba's name
        stage.analysis = self._analysis
        with new_error_context("Pass {name}", name=stage.name()):
            stage.run_initialization(state)
            stage.run_pass(state)
            stage.run_finalizer(state)


STAGES = (
    untyped.TranslateByteCode,
    untyped.FixupArgs,
    untyped.IRProcessing,
    untyped.RewriteSemanticConstants,
    untyped.DeadBranchPrune,
    untyped.GenericRewrites,
    untyped.RewriteDynamicRaises,
    untyped.ReconstructSSA,
    untyped.DeadBranchPrune,
    typed.NopythonTypeInference,
    typed.PreLowerStripPhis,
    typed.NopythonRewrites,
    typed.NoPythonSupportedFeatureValidation,
    typed.IRLegalization,
    typed.NativeLowering,
    typed.NoPythonBackend,
)
"""numba's own without those for what no kernel holds: closures, generators, literal loops, parallel loops."""


def _stages(state: Any) -> list[Any]:
    state.typingctx = _Typing(state.typingctx)
    stages = _Stages("kernel")
    for stage in STAGES:
        stages.add_pass(stage, stage.__name__)
    stages.finalize()
    return [stages]


class _Part(Compiler):
    """numba's stages, into a part."""

    def define_pipelines(self) -> list[Any]:
        """Those of a kernel."""
        self.state.library = _PartLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return _stages(self.state)


class _Kernel(Compiler):
    """numba's stages, into a kernel that can be kept on disk."""

    def define_pipelines(self) -> list[Any]:
        """Those that a kernel needs."""
        self.state.library = _KernelLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        self.state.library.enable_object_caching()
        return _stages(self.state)


_KNOWN = numba.__version__.startswith(MEASURED)
PART: type[Compiler] = _Part if _KNOWN else Compiler
KERNEL: type[Compiler] = _Kernel if _KNOWN else Compiler
