// The network card's driver.
#pragma once
#include "net.h"

void card_init(void);
u32 card_station(void);
u32 card_stations(void);
void card_send(struct packet *p);
void card_interrupt(void);
