named-s/y.h
