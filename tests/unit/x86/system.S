// A guest's frame for tests of the system half: descriptor tables, tables of pages, and handlers that note what they
// were given.  The test's own code is at `body` (ring 0) and, in pages that ring 3 may use, at `user`.
//
// Physical memory: 0x1000 this code; 0x8000 what handlers noted; 0x9000 stacks; 0x10000 page tables; 0x20000 the user's
// pages.  Each note is eight words: vector, error code (0 where there is none), rip, cs, rflags, rsp, ss, cr2.

#define KERNEL 0xffffffff80000000
#define PHYSICAL(at) . = at - 0x1000
#define EXIT 0xf4
#define SYSTEM_CODE 0x08
#define SYSTEM_DATA 0x10
#define USER_DATA 0x1b
#define USER_CODE 0x23
#define TASK 0x28
#define RING1_CODE 0x39
#define RING1_DATA 0x41
#define NOTES (KERNEL + 0x8000)
#define KERNEL_STACK (KERNEL + 0xb000)
#define FAULT_STACK (KERNEL + 0xc000)
#define ROOT 0x10000
#define USER 0x10000            // virtual: code, read and execute only
#define DATA 0x11000            // read and write, no execute
#define SHARED 0x12000          // read only, copied on write
#define SYSTEM_ONLY 0x13000
#define ABSENT 0x14000
#define RESERVED_BIT 0x16000
#define USER_STACK 0x18000      // its top
#define LARGE 0x200000          // a 2 MB page, frame 0x200
#define ENTRY_OF(va) (KERNEL + 0x15000 + (va >> 12) * 8)

        .macro  exit
        mov     $EXIT, %edx
        out     %eax, %dx
        .endm

        .macro  set_msr number, value
        mov     $\number, %ecx
        movabs  $\value, %rax
        mov     %rax, %rdx
        shr     $32, %rdx
        wrmsr
        .endm

        // On the user's side: to `user` in ring 3, interrupts as in rflags.
        .macro  to_user rflags
        push    $USER_DATA
        push    $USER_STACK
        push    $\rflags
        push    $USER_CODE
        push    $USER
        iretq
        .endm

        .text
        .globl  _start
_start:
        movabs  $KERNEL_STACK, %rsp
        lgdt    gdt_register(%rip)
        lidt    idt_register(%rip)
        mov     $ROOT, %eax
        mov     %rax, %cr3
        set_msr 0xc0000080, 0xd01               // system calls and no-execute
        set_msr 0xc0000081, 0x0010000800000000  // ring 0: 0x08, 0x10; ring 3: 0x20, 0x18
        set_msr 0xc0000082, on_syscall
        set_msr 0xc0000084, 0x200
        mov     %cr0, %rax
        bts     $16, %rax                       // ring 0 heeds write protection, too
        mov     %rax, %cr0
        mov     $TASK, %eax
        ltr     %ax
        mov     $SYSTEM_DATA, %eax
        mov     %eax, %ss
        lea     gates(%rip), %rdi
        lea     stubs(%rip), %rsi
        xor     %ecx, %ecx
1:      mov     %rsi, %rax
        mov     %ax, (%rdi)
        shr     $16, %rax
        mov     %ax, 6(%rdi)
        shr     $16, %rax
        mov     %eax, 8(%rdi)
        movw    $SYSTEM_CODE, 2(%rdi)
        cmpw    $0, 4(%rdi)                     // a gate that the test filled in itself stays
        jne     2f
        movw    $0x8e00, 4(%rdi)
2:      add     $16, %rdi
        add     $16, %rsi
        inc     %ecx
        cmp     $64, %ecx
        jne     1b
        jmp     body

// Sixteen bytes each: the vectors that push no error code push a zero.
        .balign 16
stubs:
        .set    vector, 0
        .rept   64
        .balign 16
        .if     !(vector == 8 || vector == 17 || (vector >= 10 && vector <= 14))
        push    $0
        .endif
        push    $vector
        jmp     note
        .set    vector, vector + 1
        .endr

// Notes what was pushed, then goes on in the test's `handler` with rbx at the note and rsp as after the push of vector
// and error code.
        .balign 16
note:
        push    %rax
        push    %rdi
        movabs  $NOTES, %rbx
        mov     (%rbx), %rdi
        incq    (%rbx)
        inc     %edi
        shl     $6, %rdi
        add     %rdi, %rbx
        .irp    place, 0, 1, 2, 3, 4, 5, 6
        mov     16 + 8 * \place(%rsp), %rax
        mov     %rax, 8 * \place(%rbx)
        .endr
        mov     %cr2, %rax
        mov     %rax, 56(%rbx)
        pop     %rdi
        pop     %rax
        jmp     handler

        .balign 16
gdt:
        .quad   0
        .quad   0x00209b0000000000      // 0x08 code, ring 0
        .quad   0x0000930000000000      // 0x10 data, ring 0
        .quad   0x0000f30000000000      // 0x18 data, ring 3
        .quad   0x0020fb0000000000      // 0x20 code, ring 3
        .word   0x67, task - _start + 0x1000            // 0x28 the task
        .byte   0, 0x89, 0, 0x80
        .long   0xffffffff, 0
        .quad   0x0020bb0000000000      // 0x38 code, ring 1
        .quad   0x0000b30000000000      // 0x40 data, ring 1
        .quad   0x00cffb000000ffff      // 0x48 code of 32 bits, ring 3
gdt_end:
gdt_register:
        .word   gdt_end - gdt - 1
        .quad   gdt
idt_register:
        .word   64 * 16 - 1
        .quad   gates
        .balign 16
task:
        .long   0
        .quad   KERNEL_STACK, KERNEL_STACK, KERNEL_STACK
        .quad   0
        .quad   FAULT_STACK
        .space  56
        .balign 16
gates:
        GATES                                   // those that the test fills in itself
        .if     . - gates < 64 * 16
        .space  64 * 16 - (. - gates)
        .endif
#include "body.S"

        PHYSICAL(0x8000)
        .space  0x8000
        .quad   0x11007
        .space  4080
        .quad   0x12003
        .quad   0x13007                         // 0x11000
        .space  4088
        .space  510 * 8                         // 0x12000
        .quad   0x14003, 0
        .quad   0x15007, 0x2000e7               // 0x13000; the large page is dirty and accessed
        .space  4080
        .quad   0x1e3, 0x2001e3                 // 0x14000: all of RAM, global
        .space  4080
        .space  16 * 8                          // 0x15000
        .quad   0x20005, 0x21007 | 1 << 63, 0x22205, 0x23003, 0, 0, 0x25007 | 1 << 45, 0x24007
        .space  4096 - 24 * 8
        PHYSICAL(0x20000)
#include "user.S"
        PHYSICAL(0x26000)
