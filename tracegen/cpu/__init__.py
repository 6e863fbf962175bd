"""The system half of the MIPS64 CPU: address translation, exceptions, coprocessor 0 and the recorder, all compiled."""
