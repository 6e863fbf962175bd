// The interpreter's loop: one bytecode after the other, every address checked.
#include "interp.h"

struct memory memory;

struct call {
    const u8 *back;
    u64 frame;
};

static struct call calls[MAX_CALLS];
static i64 words[STACK_WORDS];

// Words lie in memory big-endian.
static i64 word_order(i64 word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return word;
#else
    return (i64)__builtin_bswap64((u64)word);
#endif
}

static i64 get_word(u64 address) {
    return word_order(*(const i64 *)(memory.at + address));
}

static void set_word(u64 address, i64 value) {
    *(i64 *)(memory.at + address) = word_order(value);
}

static u64 outside(u64 address, u64 bytes) {
    return address - DATA_START > memory.bytes - DATA_START - bytes;
}

static i64 divide(i64 a, i64 b) {
    return b == -1 ? (i64)-(u64)a : a / b;
}

static i64 signed_half(const u8 *at) {
    return (i64)(signed char)at[0] * 256 + at[1];
}

#define TRAP(why) trap(program, (u64)(pc - 1 - code), why)
#define HALF() (pc += 2, signed_half(pc - 2))
#define WORD() (pc += 4, (i32)get_32(pc - 4))
#define BINARY(name, result)         \
    case BC_##name: {                \
        i64 b = *top--, a = *top;    \
        *top = (i64)(result);        \
        break;                       \
    }
#define COMPARISON(name, operator)                \
    BINARY(name, a operator b)                    \
    case BC_JUMP_##name: {                        \
        i64 b = *top--, a = *top--, by = HALF();  \
        if (a operator b)                         \
            pc += by;                             \
        break;                                    \
    }
#define CHECKED(address, bytes)                                             \
    if (outside((u64)(address), (u64)(bytes)))                              \
        TRAP("bad address");
#define ALIGNED(address)                                                    \
    CHECKED(address, 8)                                                     \
    if ((address) & 7)                                                      \
        TRAP("misaligned address");

// `main` returns to here: the status is its result.
static const u8 finish[] = {BC_ILLEGAL};

[[noreturn]] void run(const struct object *program) {
    const u8 *code = program->code.at, *pc = code + program->entry;
    i64 *top = words;
    struct call *call = calls;
    u64 frame = memory.bytes;
    *call = (struct call){finish, frame};
    for (;;) {
        switch (*pc++) {
        case BC_PUSH_BYTE: *++top = (signed char)*pc++; break;
        case BC_PUSH_WORD: *++top = WORD(); break;
        case BC_PUSH_LONG: *++top = (i64)get_64(pc), pc += 8; break;
        case BC_ADDRESS: *++top = WORD(); break;
        case BC_LOCAL: *++top = (i64)frame + HALF(); break;
        case BC_GET: *++top = get_word(frame + (u64)HALF()); break;
        case BC_SET: set_word(frame + (u64)HALF(), *top--); break;
        case BC_TEE: set_word(frame + (u64)HALF(), *top); break;
        case BC_LOAD:
            ALIGNED(*top)
            *top = get_word((u64)*top);
            break;
        case BC_LOAD_CHAR:
            CHECKED(*top, 1)
            *top = memory.at[*top];
            break;
        case BC_STORE:
        case BC_PUT:
            ALIGNED(top[-1])
            set_word((u64)top[-1], *top);
            top[-1] = *top;
            top -= pc[-1] == BC_PUT ? 2 : 1;
            break;
        case BC_STORE_CHAR:
        case BC_PUT_CHAR:
            CHECKED(top[-1], 1)
            memory.at[top[-1]] = (u8)*top;
            top[-1] = *top & 255;
            top -= pc[-1] == BC_PUT_CHAR ? 2 : 1;
            break;
        case BC_COPY: {
            i64 from = *top--, bytes = WORD();
            CHECKED(from, bytes)
            CHECKED(*top, bytes)
            memcpy(memory.at + *top, memory.at + from, (u64)bytes);
            break;
        }
        case BC_CLEAR: {
            i64 to = *top--, bytes = WORD();
            CHECKED(to, bytes)
            memset(memory.at + to, 0, (u64)bytes);
            break;
        }
        case BC_DUP: top++; top[0] = top[-1]; break;
        case BC_DROP: top--; break;
        case BC_TO_CHAR: *top &= 255; break;
        BINARY(ADD, (u64)a + (u64)b)
        BINARY(SUB, (u64)a - (u64)b)
        BINARY(MUL, (u64)a * (u64)b)
        BINARY(AND, a & b)
        BINARY(OR, a | b)
        BINARY(XOR, a ^ b)
        BINARY(SHL, (u64)a << (b & 63))
        BINARY(SHR, a >> (b & 63))
        case BC_DIV:
        case BC_MOD: {
            i64 b = *top--;
            if (b == 0)
                TRAP("division by zero");
            *top = pc[-1] == BC_DIV ? divide(*top, b) : b == -1 ? 0 : *top % b;
            break;
        }
        COMPARISON(EQ, ==)
        COMPARISON(NE, !=)
        COMPARISON(LT, <)
        COMPARISON(GE, >=)
        COMPARISON(GT, >)
        COMPARISON(LE, <=)
        case BC_NEG: *top = (i64)-(u64)*top; break;
        case BC_INVERT: *top = ~*top; break;
        case BC_NOT: *top = !*top; break;
        case BC_ADD_BYTE: *top = (i64)((u64)*top + (u64)(i64)(signed char)*pc++); break;
        case BC_JUMP: { i64 by = HALF(); pc += by; break; }
        case BC_JUMP_ZERO: { i64 by = HALF(); pc += *top-- ? 0 : by; break; }
        case BC_JUMP_NOT_ZERO: { i64 by = HALF(); pc += *top-- ? by : 0; break; }
        case BC_CALL: {
            u64 target = (u64)WORD();
            if (target >= BUILTIN_BASE) {
                const char *why = 0;
                *top = builtin(target - BUILTIN_BASE, *top, &why);
                if (why)
                    TRAP(why);
                break;
            }
            if (target >= program->code.used || ++call == calls + MAX_CALLS)
                TRAP(target >= program->code.used ? "jump out of the code" : "too many calls");
            *call = (struct call){pc, frame};
            pc = code + target;
            break;
        }
        case BC_ENTER: {
            u64 parameters = *pc, bytes = get_16(pc + 1), most = get_16(pc + 3);
            pc += ENTER_BYTES;
            if (frame < memory.stack_low + bytes || top + most >= words + STACK_WORDS)
                TRAP("stack overflow");
            frame -= bytes;
            while (parameters)
                set_word(frame + 8 * --parameters, *top--);
            break;
        }
        case BC_RETURN:
            pc = call->back;
            frame = call->frame;
            call--;
            if (pc == finish) {
                flush();
                sys_exit((u64)*top & 255);
            }
            break;
        default:
            TRAP("unknown bytecode");
        }
    }
}
