"""How numba compiles here: a function that only compiled code calls is optimised once, in the kernel that takes it up.

numba optimises each compiled function as a library of its own, with all that it calls linked in, and makes machine code
of it.  A model is a hundred small functions around one kernel, which inlines most of them and optimises the rest again:
all that work on the small ones is for nothing.  Here they are *parts*: modules of unoptimised code, which
a kernel links in, each once.  What this rests on is private to numba, so another version than the measured one compiles
as numba does.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import Any, ClassVar

import numba
from llvmlite import binding
from numba.core import interpreter, ir, types
from numba.core import typed_passes as typed
from numba.core import untyped_passes as untyped
from numba.core.compiler import Compiler
from numba.core.errors import LoweringError, NumbaError
from numba.core.ir_utils import build_definitions
from numba.core.lowering import Lower
from numba.core.rewrites.static_getitem import RewriteConstGetitems, RewriteConstSetitems
from numba.core.rewrites.static_raise import RewriteConstRaises
from numba.core.ssa import reconstruct_ssa

from replay.linking import KernelLibrary, PartLibrary
from replay.states import DATA

__all__ = ["KERNEL", "PART"]

MEASURED = "0.68."
"""Versions of numba whose private interfaces are as they are used here."""

POWERS = (operator.pow, operator.ipow)
"""Operators that numba has special forms of, with constants."""


def _spare_callbacks() -> None:
    """Tell nobody of each call of LLVM: numba would time them all, and nobody reads that."""
    for callbacks in tuple(binding.ffi.lib._lock._cblist):  # noqa: SLF001
        binding.ffi.unregister_lock_callback(*callbacks)


class _Settled:
    """A context of numba's while it compiles, which need not read again what extends it."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def refresh(self) -> None:
        """Nothing is new."""


class _Target(_Settled):
    """numba's target, which remembers by what code a function is carried out for arguments of some types."""

    remembered: ClassVar[dict[Any, Any]] = {}

    def get_function(self, function: Any, signature: Any) -> Any:
        """That code, as a builder of it; an error of numba's if there is none."""
        found = self.remembered.get((function, signature))
        if found is None:
            found = self.remembered[function, signature] = self._context.get_function(function, signature)
        return found


class _Typing(_Settled):
    """numba's typing context, which remembers what a call with arguments of some types was found to be.

    numba looks for the meaning of ``a + b`` among hundreds of signatures, for each place where it is written, and types
    a function anew for each number that it is called with.
    """

    remembered: ClassVar[dict[Any, Any]] = {}

    def resolve_function_type(self, function: Any, args: Any, kws: Any) -> Any:
        """The signature of a call, None if there is none; raises numba's TypingError."""
        if kws or not all(isinstance(arg, types.Type) for arg in args):
            return self._context.resolve_function_type(function, args, kws)
        args = tuple(types.unliteral(arg) for arg in args)
        if isinstance(function, types.Dispatcher) and _is_part(function.dispatcher):
            return _part(function.dispatcher, args)
        return self._remember((function, *args), "resolve_function_type", (function, args, kws))

    def resolve_setitem(self, *of: Any) -> Any:
        """The signature of a store to an array's element."""
        return self._remember(of, "resolve_setitem", of)

    def resolve_getattr(self, *of: Any) -> Any:
        """The type of an attribute."""
        return self._remember(of, "resolve_getattr", of)

    def resolve_value_type(self, value: Any) -> Any:
        """The type of what a name outside the function stands for."""
        if type(value).__hash__ is not None:
            return self._remember((type(value), value), "resolve_value_type", (value,))
        return self._context.resolve_value_type(value)

    def _remember(self, key: Any, method: str, of: Any) -> Any:
        found = self.remembered.get((method, *key))
        if found is None:
            found = self.remembered[(method, *key)] = getattr(self._context, method)(*of)
        return found


def _is_part(dispatcher: Any) -> bool:
    """Whether a function of numba's is a part, rather than a kernel or one of numba's own."""
    return issubclass(dispatcher._compiler.pipeline_class, _Part)  # noqa: SLF001


def _part(dispatcher: Any, args: Any) -> Any:
    """The signature of a call of a part, which is compiled for arguments of these types if it was not yet."""
    if args not in dispatcher.overloads:
        with dispatcher._compiling_counter:  # noqa: SLF001
            dispatcher.add_overload(dispatcher._compiler.compile(args, None))  # noqa: SLF001
    return dispatcher.overloads[args].signature


class _Interpreter(interpreter.Interpreter):
    """numba's reader of bytecode, without a search for what no kernel holds: ``with``, ``try``, spread arguments."""

    def post_process(self, _peepholes: Any, func_ir: Any) -> Any:
        """What was read is left as it is."""
        return func_ir


class _Read(untyped.TranslateByteCode):
    """Reads bytecode."""

    def run_pass(self, state: Any) -> bool:
        """As numba does, by that reader."""
        state.func_ir = _Interpreter(state.func_id).interpret(state.bc)
        return True


class _Constants(untyped.GenericRewrites):
    """Marks indices and exceptions that are constant."""

    def run_pass(self, state: Any) -> bool:
        """As numba does, but for what needs no mark, and without a search for when each name is used last."""
        blocks = state.func_ir.blocks
        for label in blocks:
            for form in (RewriteConstGetitems, RewriteConstSetitems, RewriteConstRaises):
                rewrite = form(state)
                if rewrite.match(state.func_ir, blocks[label], None, None):
                    blocks[label] = rewrite.apply()
        return True


class _SSA(untyped.ReconstructSSA):
    """Gives each assignment a name of its own."""

    def run_pass(self, state: Any) -> bool:
        """Without what generators need known."""
        state.func_ir = reconstruct_ssa(state.func_ir)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)  # noqa: SLF001
        return True


class _Phis(typed.PreLowerStripPhis):
    """Writes choices between names as assignments."""

    def run_pass(self, state: Any) -> bool:
        """Without what generators need known."""
        state.func_ir = self._strip_phi_nodes(state.func_ir)
        return True


class _Lower(Lower):
    """numba's lowering, without what counts references and without text for its traces."""

    def debug_print(self, _text: str) -> None:
        """Nothing is printed."""

    def lower_block(self, block: Any) -> None:
        """One block, an error in which is told with the line."""
        try:
            for statement in block.body:
                self.loc = statement.loc  # as numba's errors have it
                self._lower(statement)
        except NumbaError:
            raise
        except Exception as error:
            raise LoweringError(f"{type(error).__name__}: {error}", loc=self.loc) from error  # type: ignore[arg-type]

    def _lower(self, statement: Any) -> None:
        if isinstance(statement, ir.Assign):
            name = statement.target.name
            self.storevar(self.lower_assign(self.typeof(name), statement), name)
        else:
            self.lower_inst(statement)

    def storevar(self, value: Any, name: str, argidx: Any = None) -> None:  # noqa: ARG002
        """Keep a variable: in a slot, if more than one block has it."""
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        """An operation on numbers; numba would look for special ones on each constant."""
        signature = self.fndesc.calltypes[expr]
        if op in POWERS or not all(isinstance(arg, (types.Integer, types.Boolean)) for arg in signature.args):
            return super().lower_binop(resty, expr, op)
        typing = _Typing(self.context.typing_context)
        meaning = typing.resolve_value_type(op)
        signature = typing.resolve_function_type(meaning, signature.args, {})
        function = self.context.get_function(meaning, signature)
        values = (self._as(var, kind) for var, kind in zip((expr.lhs, expr.rhs), signature.args, strict=True))
        return self.context.cast(self.builder, function(self.builder, tuple(values)), signature.return_type, resty)

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        """An element of an array."""
        if not self._is_plain(value, index):
            return super().lower_getitem(resty, expr, value, index, signature)
        element = self.builder.load(self._element(value, index))
        return self.context.cast(self.builder, element, self.typeof(value.name).dtype, resty)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        """A store to an element of an array."""
        if not self._is_plain(target_var, index_var):
            return super().lower_setitem(target_var, index_var, value_var, signature)
        value = self._as(value_var, self.typeof(target_var.name).dtype)
        return self.builder.store(value, self._element(target_var, index_var))

    def _is_plain(self, array: Any, index: Any) -> bool:
        """Whether the element lies ``index`` elements from the array's beginning; numba counts from both ends."""
        kind, by = self.typeof(array.name), self.typeof(index.name)
        return (
            isinstance(kind, types.Array)
            and (kind.ndim, kind.layout, kind.aligned) == (1, "C", True)
            and isinstance(kind.dtype, (types.Integer, types.Float))
            and isinstance(by, types.Integer)
            and not by.signed  # type: ignore[attr-defined]
            and not self.context.enable_boundscheck
        )

    def _element(self, array: Any, index: Any) -> Any:
        """The address of an element."""
        data = self.builder.extract_value(self.loadvar(array.name), DATA)
        return self.builder.gep(data, [self._as(index, types.uintp)])

    def _as(self, var: Any, kind: Any) -> Any:
        """The value of a variable as one of another type."""
        return self.context.cast(self.builder, self.loadvar(var.name), self.typeof(var.name), kind)


class _Lowering(typed.NativeLowering):
    """Lowers a typed function to LLVM's language."""

    @property
    def lowering_class(self) -> type[Lower]:
        """What does it."""
        return _Lower


STAGES = (
    _Read(),
    untyped.FixupArgs(),
    _Constants(),
    _SSA(),
    typed.NopythonTypeInference(),
    _Phis(),
    _Lowering(),
    typed.NoPythonBackend(),
)
"""numba's own without those for what no kernel holds: closures, generators, literal loops, parallel loops, expressions
of whole arrays, references."""


class _Stages:
    """Runs the stages; numba checks the function's graph anew after each, which none of these needs."""

    pipeline_name = "kernel"
    exec_times: ClassVar[dict[str, Any]] = {}

    def run(self, state: Any) -> None:
        """Compile the function that ``state`` is about."""
        for stage in STAGES:
            stage.run_pass(state)


class _Compiler(Compiler):
    """numba's compiler of one function, with the stages that a kernel needs."""

    library: type[PartLibrary | KernelLibrary]

    def __init__(self, typing: Any, target: Any, *of: Any) -> None:
        self.refresh(target)
        super().__init__(_Typing(typing), _Target(target), *of)

    @classmethod
    def refresh(cls, target: Any) -> None:
        """Let numba read what extends it."""
        target.refresh()

    def define_pipelines(self) -> list[Any]:
        """Those stages."""
        self.state.library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return [_Stages()]


class _Part(_Compiler):
    """Into a part."""

    library = PartLibrary

    @classmethod
    @cache
    def refresh(cls, target: Any) -> None:
        """Once; then each kernel does."""
        target.refresh()


class _Kernel(_Compiler):
    """Into a kernel, which can be kept on disk."""

    library = KernelLibrary


_KNOWN = numba.__version__.startswith(MEASURED)
if _KNOWN:
    _spare_callbacks()
PART: type[Compiler] = _Part if _KNOWN else Compiler
KERNEL: type[Compiler] = _Kernel if _KNOWN else Compiler
