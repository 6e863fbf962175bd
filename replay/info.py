"""What is in a trace, from its metadata and closing batch, without decoding a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.trace.container import open_trace
from replay.trace.schema import GROUPS, Kind


def describe(path: str) -> dict[str, Any]:
    """Facts about the trace at ``path`` as one JSON-able document; every checksum is verified first.

    ``rows_by_group`` and ``rows_by_kind`` count rows; ``bytes_per_row`` is file size over rows.  Raises UserError.
    """
    trace = open_trace(path)
    meta, closing = trace.meta, trace.closing
    kinds = {int(k): int(v) for k, v in closing.summary.get("kinds", {}).items()}
    size = trace.buffer.size
    named = {_name(kind): count for kind, count in sorted(kinds.items())}
    return {
        "file": str(path),
        "bytes": size,
        "rows": closing.rows,
        "bytes_per_row": round(size / closing.rows, 3),
        "digest": closing.digest,
        "complete": closing.summary.get("complete", False),
        "reason": _printable(closing.summary.get("reason")),
        "status": closing.summary.get("status"),
        "instructions": closing.summary.get("instructions"),
        "schema": meta.schema_version,
        "architecture": meta.architecture,
        "vcpus": meta.vcpus,
        "memory_bytes": meta.memory_bytes,
        "workload": meta.workload,
        "arguments": list(meta.arguments),
        "seed": meta.seed,
        "skipped": meta.skipped,
        "instructions_per_second": meta.instructions_per_second,
        "tlb": None if meta.tlb is None else vars(meta.tlb),
        "tool_version": meta.tool_version,
        "image_digest": meta.image_digest,
        "pages": kinds.get(Kind.PAGE, 0),
        "sites": kinds.get(Kind.SITE, 0),
        "network": None if meta.network is None else vars(meta.network),
        "marks": [{"id": mark, "name": name} for mark, name in meta.marks],
        "services": [{"id": s.id, "name": s.name, "class": s.klass.name} for s in meta.services],
        "groups_recorded": list(meta.groups),
        "rows_by_group": _by_group(kinds),
        "rows_by_kind": named,
    }


def _printable(text: object) -> str:
    """A text that may go to a terminal, whatever the file says."""
    return text if isinstance(text, str) and text.isprintable() else ""


def _name(kind: int) -> str:
    return Kind(kind).name if kind in Kind.__members__.values() else f"kind {kind}"


def _by_group(kinds: Mapping[int, int]) -> dict[str, int]:
    return {name: sum(count for kind, count in kinds.items() if kind in members) for name, members in GROUPS.items()}
