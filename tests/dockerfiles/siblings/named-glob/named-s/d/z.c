named-s/d/z.c
