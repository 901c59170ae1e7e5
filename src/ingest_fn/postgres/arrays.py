"""Whole columns as Postgres arrays in binary, packed in one stroke.

psycopg can dump a list, element by element; for a million values that is most of the client's
time. The format is Postgres's own (``array_send`` in src/backend/utils/adt/arrayfuncs.c): a header
of dimension count, null flag, element type, length and lower bound, then each element behind its
length. There is no null element here: NaN stands for NULL and the statements turn it into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Any

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_POSTGRES_EPOCH = 946_684_800
"""2000-01-01 in epoch seconds; a timestamptz counts microseconds from it."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A finished array of the subclass's type."""

    data: bytes


class Float4s(Packed):
    """A ``real[]``."""


class Float8s(Packed):
    """A ``double precision[]``."""


class Int4s(Packed):
    """An ``integer[]``."""


class Timestamps(Packed):
    """A ``timestamptz[]``."""


_TYPES = {  # class: (array type, element type, element size, struct format); oids of pg_type.dat
    Float4s: (1021, 700, 4, "if"),
    Float8s: (1022, 701, 8, "id"),
    Int4s: (1007, 23, 4, "ii"),
    Timestamps: (1185, 1184, 8, "iq"),
}


def _packed(kind: type[Packed], values: Sequence[float]) -> bytes:
    _, element, size, form = _TYPES[kind]
    count = len(values)
    interleaved: list[float] = [size] * (2 * count)
    interleaved[1::2] = values
    return pack("!5i", 1, 0, element, count, 1) + pack("!" + form * count, *interleaved)


def float4s(values: Sequence[float]) -> Float4s:
    """``values`` as real[], rounded to its seven digits."""
    return Float4s(_packed(Float4s, values))


def float8s(values: Sequence[float]) -> Float8s:
    """``values`` as double precision[]."""
    return Float8s(_packed(Float8s, values))


def int4s(values: Sequence[int]) -> Int4s:
    """``values`` as integer[]."""
    return Int4s(_packed(Int4s, values))


def timestamps(epoch_seconds: Sequence[int]) -> Timestamps:
    """Epoch seconds as timestamptz[]."""
    # Thousands of stamps are a few different ones.
    micros = {second: (second - _POSTGRES_EPOCH) * 1_000_000 for second in set(epoch_seconds)}
    return Timestamps(_packed(Timestamps, [micros[second] for second in epoch_seconds]))


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        data: bytes = obj.data
        return data


def register(context: AdaptContext) -> None:
    """Teach a connection to take the arrays of this module."""
    for kind, (array, *_) in _TYPES.items():
        dumper = type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": array})
        context.adapters.register_dumper(kind, dumper)
