// The bytecode that cc makes, ld links and interp runs.
//
// A stack machine of 64-bit words.  Arguments are pushed in order, CALL goes to the function, whose ENTER moves them
// to its frame in memory; RETURN takes the frame away and leaves exactly one word.  Operands are big-endian.
#pragma once

// Kinds of operands: their bytes in the code.
#define BYTECODES(OP)                                                                                         \
    OP(ILLEGAL, NONE)                                                                                         \
    OP(PUSH_BYTE, BYTE) OP(PUSH_WORD, WORD) OP(PUSH_LONG, LONG)                                               \
    OP(ADDRESS, WORD)                               /* push the address of a global */                        \
    OP(LOCAL, HALF) OP(GET, HALF) OP(SET, HALF) OP(TEE, HALF) /* a frame's address; its word: push, pop, copy */ \
    OP(LOAD, NONE) OP(LOAD_CHAR, NONE)              /* address -> value */                                    \
    OP(STORE, NONE) OP(STORE_CHAR, NONE)            /* address, value -> value */                             \
    OP(PUT, NONE) OP(PUT_CHAR, NONE)                /* address, value -> */                                   \
    OP(COPY, WORD) OP(CLEAR, WORD)                  /* to, from -> to; to ->: so many bytes */                \
    OP(DUP, NONE) OP(DROP, NONE) OP(TO_CHAR, NONE)                                                            \
    OP(ADD, NONE) OP(SUB, NONE) OP(MUL, NONE) OP(DIV, NONE) OP(MOD, NONE)                                     \
    OP(AND, NONE) OP(OR, NONE) OP(XOR, NONE) OP(SHL, NONE) OP(SHR, NONE)                                      \
    OP(EQ, NONE) OP(NE, NONE) OP(LT, NONE) OP(GE, NONE) OP(GT, NONE) OP(LE, NONE)                             \
    OP(NEG, NONE) OP(INVERT, NONE) OP(NOT, NONE)                                                              \
    OP(ADD_BYTE, BYTE)                              /* add a constant */                                      \
    OP(JUMP, HALF) OP(JUMP_ZERO, HALF) OP(JUMP_NOT_ZERO, HALF) /* by so many bytes from the operand's end */   \
    OP(JUMP_EQ, HALF) OP(JUMP_NE, HALF) OP(JUMP_LT, HALF) OP(JUMP_GE, HALF) OP(JUMP_GT, HALF) OP(JUMP_LE, HALF) \
    OP(CALL, WORD) OP(ENTER, ENTER) OP(RETURN, NONE)

#define BYTECODE_NUMBER(name, operand) BC_##name,
enum bytecode { BYTECODES(BYTECODE_NUMBER) BYTECODE_COUNT };

enum operand { OPERAND_NONE, OPERAND_BYTE, OPERAND_HALF, OPERAND_WORD, OPERAND_LONG, OPERAND_ENTER };

#define ENTER_BYTES 5 // parameters (1), bytes of the frame (2), words of stack that the function needs (2)
#define MAX_PARAMETERS 16
#define MAX_FRAME 0x8000
#define MAX_JUMP 0x7fff

// A program's memory: nothing below DATA_START, then data, zeroed data, and the stack up to the end.
#define DATA_START 4096

// Functions that the interpreter brings along are called at addresses from here on, by their place in the list.
#define BUILTIN_BASE 0x7f000000
#define BUILTINS(B) B(putchar) B(puts) B(exit)
