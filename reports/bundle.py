"""The library that draws charts in the page: Vega, Vega-Lite and vega-embed in one script, which needs no network."""

from __future__ import annotations


def vega() -> str:
    """The script.  It takes seconds to put together, without Python: worth a thread of its own."""
    import vl_convert

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # the stub lacks the default
