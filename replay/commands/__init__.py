"""The commands of ``replay``, one function each."""
