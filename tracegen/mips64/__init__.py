"""The MIPS64 CPU: lowering of its instructions, what they do, its TLB, exceptions and coprocessor 0."""
