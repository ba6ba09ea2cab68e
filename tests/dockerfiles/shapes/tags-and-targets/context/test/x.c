test/x.c
