"""The x86-64 CPU: micro-ops, their lowering, and the system half."""
