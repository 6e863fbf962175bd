"""The TLB's comparison of all entries with an address, eight at a time: a scan one by one is a tenth of some runs."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from replay.jit import check_bounds, intrinsic, types
from tracegen.mips64.state import TLB_ENTRIES

WORD, LANES = 8, 8


def _matches(_typing: Any, words: Any, first: Any, key: Any, always: Any, unless: Any, flag: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        word = context.get_value_type(types.uint64)
        vector = ir.VectorType(word, LANES)
        start = builder.mul(values[1], word(WORD))
        check_bounds(context, builder, array, start, WORD * TLB_ENTRIES)
        key, always, unless, flag = (_in_all_lanes(builder, vector, value) for value in values[2:])
        none, found = ir.Constant(vector, [0] * LANES), word(0)
        for at in range(0, TLB_ENTRIES, LANES):
            place = builder.bitcast(builder.gep(array.data, [builder.add(values[1], word(at))]), vector.as_pointer())
            entries = builder.load(place, align=WORD)
            flagged = builder.icmp_unsigned("!=", builder.and_(entries, flag), none)
            judged = builder.or_(always, builder.select(flagged, none, unless))
            equal = builder.icmp_unsigned("==", builder.and_(builder.xor(entries, key), judged), none)
            bits = builder.zext(builder.bitcast(equal, ir.IntType(LANES)), word)
            found = builder.or_(found, builder.shl(bits, word(at)))
        return found

    return types.uint64(words, first, key, always, unless, flag), code


def _in_all_lanes(builder: Any, vector: Any, value: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.IntType(32)(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


matches: Any = intrinsic(_matches)
"""(words, index of the first of TLB_ENTRIES, key, mask, further mask, flag) -> bit set of those that equal ``key``.

Bits of ``mask`` are compared, and those of the further mask unless the word has the flag.
"""


def _first_bit(_typing: Any, bits: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.IntType(1)(0))

    return types.uint64(bits), code


first_bit: Any = intrinsic(_first_bit)
"""The number of the lowest bit that is set; 64 if none is."""
