/* git.exe, cargo.exe and rustc.exe are copies of this: it lets bridge.py, on 127.0.0.1:BRIDGE_PORT, run the Unix program of its
   own name, and hands output and exit code on. wine can start Unix programs by itself, but not read what they write. */
#include <winsock2.h>
#include <windows.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>

static SOCKET bridge;

static void put(const void *bytes, int count) {
    for (const char *at = bytes; count > 0;) {
        int sent = send(bridge, at, count, 0);
        if (sent <= 0) ExitProcess(97);
        at += sent;
        count -= sent;
    }
}

static void put_number(unsigned number) {
    unsigned char bytes[4] = {number >> 24, number >> 16, number >> 8, number};
    put(bytes, 4);
}

static void put_text(const wchar_t *text) {
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *utf8 = malloc(length);
    WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, length, NULL, NULL);
    put_number(length - 1);
    put(utf8, length - 1);
    free(utf8);
}

static int get(void *bytes, int count) {
    for (char *at = bytes; count > 0;) {
        int got = recv(bridge, at, count, 0);
        if (got <= 0) return 0;
        at += got;
        count -= got;
    }
    return 1;
}

static void send_request(void) {
    static wchar_t path[32768];
    GetModuleFileNameW(NULL, path, 32768);
    put_text(path);
    GetCurrentDirectoryW(32768, path);
    put_text(path);
    int count;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    put_number(count - 1);
    for (int i = 1; i < count; i++) put_text(words[i]);
    wchar_t *block = GetEnvironmentStringsW();
    count = 0;
    for (wchar_t *pair = block; *pair; pair += wcslen(pair) + 1) count++;
    put_number(count);
    for (wchar_t *pair = block; *pair; pair += wcslen(pair) + 1) put_text(pair);
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    static char buffer[1 << 16];
    DWORD got;
    if (GetFileType(input) == FILE_TYPE_PIPE)
        while (ReadFile(input, buffer, sizeof buffer, &got, NULL) && got) put_number(got), put(buffer, got);
    put_number(0);
}

int main(void) {
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    bridge = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((u_short)atoi(getenv("BRIDGE_PORT") ? getenv("BRIDGE_PORT") : "0"));
    if (connect(bridge, (struct sockaddr *)&address, sizeof address)) return fputs("bridge.py does not listen\n", stderr), 98;
    send_request();
    /* Each answer: which stream (3: the exit code), a length, and so many bytes. */
    for (unsigned char head[5]; get(head, 5);) {
        unsigned length = (unsigned)head[1] << 24 | head[2] << 16 | head[3] << 8 | head[4];
        char *bytes = calloc(1, length + 1);
        if (!get(bytes, (int)length)) break;
        if (head[0] == 3) return atoi(bytes);
        HANDLE output = GetStdHandle(head[0] == 1 ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE);
        DWORD written;
        for (DWORD at = 0; at < length && WriteFile(output, bytes + at, length - at, &written, NULL);) at += written;
        free(bytes);
    }
    return 99;
}
