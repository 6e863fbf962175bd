// How much each term counts, by how full the board is.
#include "othello.h"

#define OPENING_EMPTIES 44
#define ENDGAME_EMPTIES 14

static const int weights[TERMS][PHASES] = {
    {45, 50, 35},    // corners
    {40, 35, 10},    // mobility
    {15, 12, 2},     // frontier
    {20, 30, 40},    // stability
    {8, 10, 6},      // edges
    {0, 10, 60},     // parity
    {-10, -2, 60},   // discs
    {6, 4, 1},       // squares
    {5, 15, 10},     // wedges
};

// Between the middles of two phases, in proportion.
int phase_weight(int term, int empties) {
    const int *weight = weights[term];
    int middle = (OPENING_EMPTIES + ENDGAME_EMPTIES) / 2;
    if (empties >= OPENING_EMPTIES)
        return weight[OPENING];
    if (empties <= ENDGAME_EMPTIES)
        return weight[ENDGAME];
    if (empties >= middle)
        return (weight[OPENING] * (empties - middle) + weight[MIDGAME] * (OPENING_EMPTIES - empties)) /
               (OPENING_EMPTIES - middle);
    return (weight[MIDGAME] * (empties - ENDGAME_EMPTIES) + weight[ENDGAME] * (middle - empties)) /
           (middle - ENDGAME_EMPTIES);
}
