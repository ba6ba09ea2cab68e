FROM alpine:3
COPY a.txt /
