inc/h.h
