// Every floating-point register at once, which C cannot name.
        .set    noreorder
        .text

// void float_fill(u64 seed): register n becomes seed + n.
        .globl  float_fill
float_fill:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        daddiu  $t0, $a0, \n
        dmtc1   $t0, $f\n
        .endr
        jr      $ra
        nop

// u64 float_differ(u64 seed): 0 if they are so.
        .globl  float_differ
float_differ:
        move    $v0, $zero
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        daddiu  $t0, $a0, \n
        dmfc1   $t1, $f\n
        xor     $t0, $t0, $t1
        or      $v0, $v0, $t0
        .endr
        jr      $ra
        nop

// u64 float_bits(void): the bits that are set in any of them.
        .globl  float_bits
float_bits:
        move    $v0, $zero
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        dmfc1   $t1, $f\n
        or      $v0, $v0, $t1
        .endr
        jr      $ra
        nop

// void float_round(u64 mode): from here on to nearest (0), to zero (1), up (2) or down (3).
        .globl  float_round
float_round:
        jr      $ra
        ctc1    $a0, $31
