"""States pass by reference: compiled code is handed a state's address, and reads of its fields what it needs.

numba passes a named tuple by value, seven words for each array in it, to every function that hands it on.  A model's
state has three hundred words: most of the code that LLVM was given took states apart and put them together again.  A
named tuple's fields never change, so an address does as well.  ``replay.compiler`` tells LLVM that it may be read.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import cgutils, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox

__all__ = ["Held", "by_reference"]

SIZE, ITEM_SIZE, DATA, SHAPE, STRIDES = range(2, 7)
"""Parts of numba's arrays.  The two before them are what counts references to arrays, which no kernel does."""

WORD = 8
"""A state is words of this many bytes: one for a number, for an array those parts, for a state within its own."""


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

    def __hash__(self) -> int:
        return hash(self.name)  # which remembers its own, in this process: another's would find no kernel that is kept

    @property
    def key(self) -> Any:
        """What tells it from other types."""
        return self.of

    @property
    def words(self) -> int:
        """How many the state is."""
        return sum(_width(field) for field in self.of)

    def place(self, name: str) -> int:
        """The word at which the field begins."""
        return sum(_width(field) for field in self.of[: self.of.fields.index(name)])


def _width(kind: types.Type) -> int:
    """Words of a field."""
    if isinstance(kind, types.NamedTuple):
        return sum(_width(field) for field in kind)
    return SHAPE - SIZE + 2 * kind.ndim if isinstance(kind, types.Array) else 1


@register_model(Reference)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, reference: Reference) -> None:
        super().__init__(manager, reference, _words(reference))


def _words(reference: Reference) -> ir.Type:
    return ir.ArrayType(ir.IntType(8 * WORD), reference.words).as_pointer()


class Held:
    """A state that a kernel is called with many times: what compiled code has of it is made once.

    Its arrays may change, but not where they are.
    """

    def __init__(self, state: Any) -> None:
        self.state, self.type, self.image = state, typeof(state), image(state)


typeof_impl.register(Held)(lambda held, _context: held.type)


def image(state: Any) -> bytes:
    """The words of ``state``; raises TypeError unless it is of numbers, arrays and named tuples of such."""
    if isinstance(state, Held):
        return state.image
    words = list(_numbers(state))
    return struct.pack("".join("d" if isinstance(word, float) else "q" if word < 0 else "Q" for word in words), *words)


def _numbers(value: Any) -> Iterator[int | float]:
    if hasattr(value, "_fields"):
        for field in value:
            yield from _numbers(field)
    elif isinstance(value, np.ndarray):
        yield from (value.size, value.itemsize, value.__array_interface__["data"][0], *value.shape, *value.strides)
    elif isinstance(value, (np.number, np.bool_, int, float)):
        yield float(value) if isinstance(value, (np.floating, float)) else int(value)
    else:
        raise TypeError(f"a state holds numbers, arrays and states, not {value!r}")


@unbox(Reference)  # type: ignore[untyped-decorator]
def _unbox(reference: Reference, value: Any, c: Any) -> NativeValue:
    """Python makes the image, which is as much code for a state of any size; it lives until the kernel returns."""
    this = c.pyapi.import_module(c.context.insert_const_string(c.builder.module, __name__))
    make = c.pyapi.object_getattr_string(this, image.__name__)
    made = c.pyapi.call_function_objargs(make, (value,))
    failed = cgutils.is_null(c.builder, made)
    at = cgutils.alloca_once_value(c.builder, ir.Constant(_words(reference), None))
    with c.builder.if_then(c.builder.not_(failed), likely=True):
        c.builder.store(c.builder.bitcast(c.pyapi.bytes_as_string(made), _words(reference)), at)
    c.pyapi.decref(make)
    c.pyapi.decref(this)
    return NativeValue(c.builder.load(at), is_error=failed, cleanup=lambda: c.pyapi.decref(made))


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
def _field(context: Any, builder: Any, reference: Reference, address: Any, name: str) -> Any:
    kind, place = reference.of[reference.of.fields.index(name)], reference.place(name)
    if isinstance(kind, types.NamedTuple):
        return builder.bitcast(_word(builder, address, place), _words(Reference(kind)))
    if isinstance(kind, types.Array):
        return _array(builder, context.get_value_type(kind), kind.ndim, address, place)
    return _read(builder, _word(builder, address, place), context.get_value_type(kind))


def _array(builder: Any, kind: Any, axes: int, address: Any, place: int) -> Any:
    """The array whose words begin at ``place``; LLVM forgets that what is read as a whole never changes."""
    array = ir.Constant(kind, ir.Undefined)
    for part in (SIZE, ITEM_SIZE, DATA):
        word = _word(builder, address, place + part - SIZE)
        array = builder.insert_value(array, _read(builder, word, kind.elements[part]), part)
    for part in (SHAPE, STRIDES):
        first = place + SHAPE - SIZE + (part - SHAPE) * axes
        for axis in range(axes):
            word = _word(builder, address, first + axis)
            array = builder.insert_value(array, _read(builder, word, ir.IntType(8 * WORD)), (part, axis))
    return array


def _word(builder: Any, address: Any, place: int) -> Any:
    return cgutils.gep_inbounds(builder, address, 0, place)


def _read(builder: Any, word: Any, kind: Any) -> Any:
    """What is in a word, which never changes, as a number or an address."""
    number = isinstance(kind, ir.IntType)
    value = builder.load(word if number else builder.bitcast(word, kind.as_pointer()))
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return builder.trunc(value, kind) if number and kind.width < 8 * WORD else value
