// The only place where the kernel touches user memory, at the addresses the user gave: it misses, faults and
// demand-zeroes like the user does.  An access that cannot be satisfied resumes at user_copy_failed (trap.c).

        .set    noreorder
        .text

// long user_copy(to, from, bytes): 0, or -1 where a page on the user's side is not the process's.
        .globl  user_copy
user_copy:
        or      $t0, $a0, $a1
        andi    $t0, $t0, 7
        bnez    $t0, 2f
        sltiu   $t4, $a2, 32
        bnez    $t4, 2f
        nop
1:      ld      $t0, 0($a1)             // four words a turn, while both sides are aligned
        ld      $t1, 8($a1)
        ld      $t2, 16($a1)
        ld      $t3, 24($a1)
        sd      $t0, 0($a0)
        sd      $t1, 8($a0)
        sd      $t2, 16($a0)
        sd      $t3, 24($a0)
        daddiu  $a2, $a2, -32
        daddiu  $a0, $a0, 32
        sltiu   $t4, $a2, 32
        beqz    $t4, 1b
        daddiu  $a1, $a1, 32
2:      beqz    $a2, 4f
        nop
3:      lbu     $t0, 0($a1)
        daddiu  $a1, $a1, 1
        daddiu  $a2, $a2, -1
        sb      $t0, 0($a0)
        bnez    $a2, 3b
        daddiu  $a0, $a0, 1
4:      jr      $ra
        move    $v0, $zero
        .globl  user_copy_failed
user_copy_failed:
        jr      $ra
        li      $v0, -1
