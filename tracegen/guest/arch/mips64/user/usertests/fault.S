// Accesses that C cannot express, for usertests.
        .set    noreorder
        .text

// u64 store_again(u64 *at, u64 value): the store faults where more than the pc must be right for it to run again: in a
// delay slot, so the branch must run again, too.  1 if it did.
        .globl  store_again
store_again:
        b       1f
        sd      $a1, 0($a0)
        break
1:      jr      $ra
        li      $v0, 1

        .globl  reserved_instruction
reserved_instruction:
        .word   0x0000003d              // SPECIAL 075: no MIPS IV instruction
        jr      $ra
        nop

        .globl  privileged_instruction
privileged_instruction:
        mtc0    $zero, $12
        jr      $ra
        nop

        .globl  break_instruction
break_instruction:
        break
        jr      $ra
        nop

        .globl  unknown_call
unknown_call:
        li      $v0, 1000
        syscall
        jr      $ra
        nop

        .globl  arithmetic
arithmetic:
        lui     $v0, 0x7fff
        add     $v0, $v0, $v0
        jr      $ra
        nop

// u64 spin(u64 turns): counts down with values in every register a handler could spoil; 0 where one changed.
        .globl  spin
spin:   move    $v1, $a0
        daddiu  $t0, $a0, 1
        daddiu  $t9, $a0, 2
        mthi    $t0
        mtlo    $t9
1:      bnez    $a0, 1b
        daddiu  $a0, $a0, -1
        daddiu  $t1, $v1, 1
        bne     $t0, $t1, 2f
        daddiu  $t1, $v1, 2
        bne     $t9, $t1, 2f
        mfhi    $t2
        bne     $t2, $t0, 2f
        mflo    $t2
        bne     $t2, $t9, 2f
        nop
        jr      $ra
        li      $v0, 1
2:      jr      $ra
        move    $v0, $zero
