named-s/x.c
