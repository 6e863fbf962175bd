// Addresses that usertests may not use, beside those that look alike on every CPU.
#pragma once

#define FORBIDDEN (1UL << 63) // not canonical: bits 48 to 63 are not as bit 47
