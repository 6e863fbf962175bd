// The registers of coprocessor 1, to memory and back: 32 of them, then FCSR.
#include "cp0.h"

        .set    noreorder
        .set    hardfloat
        .text

        .globl  float_access
float_access:
        mfc0    $t0, CP0_STATUS
        lui     $t1, STATUS_CU1 >> 16
        or      $t0, $t0, $t1
        jr      $ra
        mtc0    $t0, CP0_STATUS

        .globl  float_save
float_save:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        sdc1    $f\n, (8 * \n)($a0)
        .endr
        cfc1    $t0, $31
        jr      $ra
        sd      $t0, 256($a0)

        .globl  float_load
float_load:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        ldc1    $f\n, (8 * \n)($a0)
        .endr
        ld      $t0, 256($a0)
        jr      $ra
        ctc1    $t0, $31
