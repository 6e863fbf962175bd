// The only place where the kernel touches user memory, at the addresses the user gave: it misses, faults and
// demand-zeroes like the user does.  An access that cannot be satisfied resumes at user_copy_failed (trap.c).

        .set    noreorder
        .text

// long user_copy(to, from, bytes): 0, or -1 where a page on the user's side is not the process's.
        .globl  user_copy
user_copy:
        beqz    $a2, 2f
        nop
1:      lbu     $t0, 0($a1)
        daddiu  $a1, $a1, 1
        daddiu  $a2, $a2, -1
        sb      $t0, 0($a0)
        bnez    $a2, 1b
        daddiu  $a0, $a0, 1
2:      jr      $ra
        move    $v0, $zero
        .globl  user_copy_failed
user_copy_failed:
        jr      $ra
        li      $v0, -1
