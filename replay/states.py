"""States pass by reference: compiled code is handed a state's address, and reads of its fields what it needs.

numba passes a named tuple by value, seven words for each array in it, to every function that hands it on.  A model's
state has three hundred words: most of the code that LLVM was given took states apart and put them together again.  A
named tuple's fields never change, so an address does as well.  ``replay.compiler`` tells LLVM that it may be read.
"""

from __future__ import annotations

import hashlib
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox

__all__ = ["by_reference"]

MEMORY, OWNER, SIZE, ITEM_SIZE, DATA, SHAPE, STRIDES = range(7)
"""The words of numba's arrays.  The first two are what counts references to them, which no kernel does."""


def by_reference(state: type) -> type:
    """Let compiled code have ``state``, a class of named tuples, and those in it by reference; returns the class."""
    typeof_impl.register(state)(lambda value, context: Reference(_type(value, context)))
    return state


def _type(value: Any, context: Any) -> Any:
    if hasattr(value, "_fields"):
        return types.NamedTuple([_type(field, context) for field in value], type(value))
    return typeof_impl(value, context)


class Reference(types.Type):
    """The type of the address of a named tuple whose type is ``of``."""

    def __init__(self, of: types.NamedTuple) -> None:
        self.of, self.instance_class = of, of.instance_class
        digest = hashlib.sha256(str(of).encode()).hexdigest()[:16]
        super().__init__(f"{of.instance_class.__name__}({digest})")  # of is some kilobytes, and part of every symbol

    @property
    def key(self) -> Any:
        """What tells it from other types."""
        return self.of


@register_model(Reference)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, reference: Reference) -> None:
        super().__init__(manager, reference, manager.lookup(reference.of).get_value_type().as_pointer())


@unbox(Reference)  # type: ignore[untyped-decorator]
def _unbox(reference: Reference, value: Any, c: Any) -> NativeValue:
    native = c.unbox(reference.of, value)
    at = cgutils.alloca_once_value(c.builder, native.value)
    return NativeValue(at, is_error=native.is_error, cleanup=native.cleanup)


@infer_getattr
class _Fields(AttributeTemplate):
    key = Reference

    def generic_resolve(self, reference: Reference, name: str) -> types.Type | None:  # type: ignore[override]
        """The type of a field; None if there is none."""
        if name not in reference.of.fields:
            return None
        field = reference.of[reference.of.fields.index(name)]
        return Reference(field) if isinstance(field, types.NamedTuple) else field


@lower_getattr_generic(Reference)  # type: ignore[untyped-decorator]
def _field(_context: Any, builder: Any, reference: Reference, address: Any, name: str) -> Any:
    index = reference.of.fields.index(name)
    kind, at = reference.of[index], cgutils.gep_inbounds(builder, address, 0, index)
    if isinstance(kind, types.NamedTuple):
        return at
    return _array(builder, kind, at) if isinstance(kind, types.Array) else _read(builder, at)


def _array(builder: Any, kind: types.Array, at: Any) -> Any:
    """The array at an address, word by word: of what is read as a whole, LLVM forgets that it never changes."""
    array = ir.Constant(at.type.pointee, ir.Undefined)
    for word in (MEMORY, OWNER):
        array = builder.insert_value(array, ir.Constant(array.type.elements[word], None), word)
    for word in (SIZE, ITEM_SIZE, DATA):
        array = builder.insert_value(array, _read(builder, at, word), word)
    for word in (SHAPE, STRIDES):
        for axis in range(kind.ndim):
            array = builder.insert_value(array, _read(builder, at, word, axis), (word, axis))
    return array


def _read(builder: Any, at: Any, *path: int) -> Any:
    """What is at an address and never changes."""
    value = builder.load(cgutils.gep_inbounds(builder, at, 0, *path) if path else at)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value
