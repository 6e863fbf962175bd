"""The library that draws charts in the page: Vega, Vega-Lite and vega-embed in one script, which needs no network."""

from __future__ import annotations

from importlib.metadata import version

PACKAGE = "vl-convert-python"


def vega_version() -> str:
    """What the script follows from: the version of the package that makes it."""
    return version(PACKAGE)


def vega() -> str:
    """The script.  It takes two seconds to put together."""
    import vl_convert

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # the stub lacks the default
