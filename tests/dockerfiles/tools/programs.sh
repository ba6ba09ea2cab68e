#!/bin/sh
# Makes the small programs of the verdict cases: programs.sh FOLDER. Needs gcc and python3 on linux/amd64, and for the
# musl ones MUSL=FOLDER with Debian's packages musl and musl-dev unpacked into it.
set -eu
mkdir -p "$1"; cd "$1"
cat > up.c <<'C'
static long call(long n, long a, long b, long c) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
void _start(void) { call(1, 1, (long)"up\n", 3); call(60, 0, 0, 0); }
C
gcc -Os -static -nostdlib -fno-asynchronous-unwind-tables -Wl,--build-id=none,-z,noseparate-code -s -o static-amd64 up.c
printf '#include <stdio.h>\nint main(void) { puts("up"); return 0; }\n' > hello.c
gcc -Os -s -o glibc-amd64 hello.c
printf 'int tide(void) { return 0; }\n' > tide.c
gcc -Os -s -shared -fPIC -Wl,-soname,libtide.so.1 -o libtide.so.1 tide.c
printf 'int tide(void); int berth(void) { return tide(); }\n' > berth.c
gcc -Os -s -shared -fPIC -Wl,-soname,libberth.so.1 -o libberth.so.1 berth.c ./libtide.so.1
printf '#include <stdio.h>\nint tide(void);\nint main(void) { puts("up"); return tide(); }\n' > uses.c
gcc -Os -s -o needs-tide uses.c ./libtide.so.1
gcc -Os -s -Wl,-rpath,'$ORIGIN/../lib' -o needs-tide-origin uses.c ./libtide.so.1
printf '#include <stdio.h>\nint berth(void);\nint main(void) { puts("up"); return berth(); }\n' > uses2.c
gcc -Os -s -Wl,--allow-shlib-undefined -o needs-berth uses2.c ./libberth.so.1
# A program that asks for a newer glibc than there is: linked against a stand-in with that version.
printf 'int far_future(void) { return 0; }\n' > stub.c
printf 'GLIBC_2.99 { global: far_future; local: *; };\n' > stub.map
mkdir -p stub; gcc -shared -fPIC -nostdlib -Wl,-soname,libc.so.6,--version-script=stub.map -o stub/libc.so.6 stub.c
printf 'int far_future(void);\nvoid _start(void) { far_future(); }\n' > future.c
gcc -Os -s -nostdlib -o glibc-too-new future.c stub/libc.so.6
# Starts what stands after `--`, as tini does.
cat > passes-on.c <<'C'
static long call(long n, long a, long b, long c) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall run");
void run(long *sp) {
    char **argv = (char **)(sp + 1);
    while (*argv && !(argv[0][0] == '-' && argv[0][1] == '-' && !argv[0][2])) argv++;
    if (*argv) call(59, (long)argv[1], (long)(argv + 1), 0);
    call(60, 127, 0, 0);
}
C
gcc -Os -static -nostdlib -fno-asynchronous-unwind-tables -Wl,--build-id=none,-z,noseparate-code -s -o passes-on passes-on.c
cp /sbin/ldconfig ldconfig
cp /lib64/ld-linux-x86-64.so.2 ld-linux-x86-64.so.2; cp /lib/x86_64-linux-gnu/libc.so.6 libc.so.6
if [ -n "${MUSL:-}" ]; then
    lib=$MUSL/usr/lib/x86_64-linux-musl
    gcc -Os -s -nostdinc -nostdlib -isystem "$MUSL/usr/include/x86_64-linux-musl" -o musl-amd64 \
        -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 "$lib/crt1.o" "$lib/crti.o" hello.c -L"$MUSL/lib/x86_64-linux-musl" -l:libc.so "$lib/crtn.o"
    cp "$MUSL/lib/x86_64-linux-musl/libc.so" ld-musl-x86_64.so.1
fi
# Programs of other processors: an ELF header, one segment, and "exit with 0".
python3 - <<'P'
import struct
def elf64(machine, code):
    base, head = 0x400000, 64 + 56
    e = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + head, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return e + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, head + len(code), head + len(code), 0x1000) + code
def elf32(machine, flags, code):
    base, head = 0x10000, 52 + 32
    e = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, base + head, 52, 0, flags, 52, 32, 1, 0, 0, 0)
    return e + struct.pack("<IIIIIIII", 1, 0, base, base, head + len(code), head + len(code), 5, 0x1000) + code
files = {
    "static-arm64": elf64(183, struct.pack("<III", 0xD2800BA8, 0xD2800000, 0xD4000001)),
    "static-armv7": elf32(40, 0x05000400, struct.pack("<III", 0xE3A07001, 0xE3A00000, 0xEF000000)),
    "static-386": elf32(3, 0, bytes.fromhex("b80100000031dbcd80")),
}
for name, data in files.items():
    open(name, "wb").write(data)
P
chmod 755 static-* glibc-amd64 glibc-too-new needs-* ; [ ! -e musl-amd64 ] || chmod 755 musl-amd64 ld-musl-x86_64.so.1
chmod 755 passes-on ldconfig
rm -rf stub *.c *.map
