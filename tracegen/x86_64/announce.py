"""Nothing."""

from replay.jit import helper


@helper
def announce(core, code):
    return 0
