// Addresses that usertests may not use, beside those that look alike on every CPU.
#pragma once
#include "abi.h"

#define FORBIDDEN WINDOW // mapped kernel space
