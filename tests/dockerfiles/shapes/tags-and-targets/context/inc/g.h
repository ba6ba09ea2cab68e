inc/g.h
