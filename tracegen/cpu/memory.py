"""Little-endian memory: places of 1, 2, 4 and 8 bytes at any byte address of RAM, aligned or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from replay.jit import check_bounds, intrinsic, types


def _pointer(context: Any, builder: Any, signature: Any, values: Any, place: Any, size: int) -> Any:
    """Pointer to ``place``, a type of ``size`` bytes, at the byte address ``values[1]`` of the array ``values[0]``."""
    array = context.make_array(signature.args[0])(context, builder, values[0])
    check_bounds(context, builder, array, values[1], size)
    start = builder.bitcast(array.data, context.get_value_type(types.uint8).as_pointer())
    return builder.bitcast(builder.gep(start, [values[1]]), place.as_pointer())


def _load(size: int) -> Callable[..., Any]:
    def load(typing: Any, array: Any, address: Any) -> Any:  # noqa: ARG001 - numba matches their names
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = context.get_value_type(getattr(types, f"uint{8 * size}"))
            value = builder.load(_pointer(context, builder, signature, values, place, size), align=1)
            return value if size == 8 else builder.zext(value, context.get_value_type(types.uint64))

        return types.uint64(array, types.uint64), code

    return load


def _store(size: int) -> Callable[..., Any]:
    def store(typing: Any, array: Any, address: Any, value: Any) -> Any:  # noqa: ARG001 - as above
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = context.get_value_type(getattr(types, f"uint{8 * size}"))
            narrow = values[2] if size == 8 else builder.trunc(values[2], place)
            builder.store(narrow, _pointer(context, builder, signature, values, place, size), align=1)
            return context.get_dummy_value()

        return types.void(array, types.uint64, types.uint64), code

    return store


load1: Any = intrinsic(_load(1))
load2: Any = intrinsic(_load(2))
load4: Any = intrinsic(_load(4))
load8: Any = intrinsic(_load(8))
"""(array, byte address) -> the value there, zero-extended."""

store1: Any = intrinsic(_store(1))
store2: Any = intrinsic(_store(2))
store4: Any = intrinsic(_store(4))
store8: Any = intrinsic(_store(8))
"""(array, byte address, value): the value's low bytes go there."""
