// Othello: everything that one file needs of the others.
#ifndef OTHELLO_H
#define OTHELLO_H
#include "text.h"
#include "bits.h"
#include "board.h"
#include "moves.h"
#include "symmetry.h"
#include "notation.h"
#include "hash.h"
#include "evaluate.h"
#include "search.h"
#include "book.h"
#include "game.h"
#include "check.h"
#endif
