"""Several virtual machines on one machine: who runs where and when, and their traces as one."""
