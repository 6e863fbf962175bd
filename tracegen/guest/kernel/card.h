// The network card's driver.
#pragma once
#include "net.h"

u32 card_station(void);
void card_send(struct packet *p);
void card_interrupt(void);
int card_may_bring(void);
