// Kinds of exceptions, by what the kernel does about them.  The CPU's causes.h says which is which.
#pragma once
#include "trapframe.h"

enum trap { TRAP_INTERRUPT, TRAP_MEMORY, TRAP_CALL, TRAP_FLOAT, TRAP_OTHER };
