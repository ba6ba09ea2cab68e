#!/bin/sh
# The tide of a day, in colours, as programs print them during a build.
for hour in 0 6 12 18; do
    printf '%02d:00  \033[36m%s\033[0m\n' "$hour" "$([ $((hour % 12)) = 0 ] && echo high || echo low)"
done
