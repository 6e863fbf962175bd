// In place of the guest's: nobody records here.
#pragma once
#define ANNOUNCE1(code, a) ((void)(code), (void)(a))
#define ANNOUNCE2(code, a, b) ((void)(code), (void)(a), (void)(b))
