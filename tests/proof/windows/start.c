/* start.exe NAME=VALUE ... -- PROGRAM ARGUMENT ...: starts a program with variables spelled exactly so (`Path`), as Windows
   does; wine itself says PATH. A variable of the same name in other letters is left out. Ends as the program ends. */
#include <windows.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

static int same_name(const wchar_t *one, const wchar_t *other) {
    while (*one && *one != L'=' && towlower(*one) == towlower(*other)) one++, other++;
    return *one == L'=' && *other == L'=';
}

/* The command line after its next word. */
static wchar_t *after_word(wchar_t *line) {
    for (int quoted = 0; *line && (quoted || *line != L' '); line++) if (*line == L'"') quoted = !quoted;
    while (*line == L' ') line++;
    return line;
}

int main(void) {
    int count, end = 1;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count), *line = after_word(GetCommandLineW());
    for (; end < count && wcscmp(words[end], L"--"); end++) line = after_word(line);
    line = after_word(line);
    wchar_t *block = calloc(1 << 18, sizeof *block), *at = block;
    for (wchar_t *old = GetEnvironmentStringsW(); *old; old += wcslen(old) + 1) {
        int replaced = 0;
        for (int i = 1; i < end; i++) replaced |= same_name(old, words[i]);
        if (!replaced) at += wcslen(wcscpy(at, old)) + 1;
    }
    for (int i = 1; i < end; i++) at += wcslen(wcscpy(at, words[i])) + 1;
    STARTUPINFOW startup = {sizeof startup};
    PROCESS_INFORMATION process;
    if (!CreateProcessW(NULL, _wcsdup(line), NULL, NULL, TRUE, CREATE_UNICODE_ENVIRONMENT, block, NULL, &startup, &process)) {
        fprintf(stderr, "start.exe: error %lu: %ls\n", GetLastError(), line);
        return 96;
    }
    WaitForSingleObject(process.hProcess, INFINITE);
    DWORD code;
    GetExitCodeProcess(process.hProcess, &code);
    return (int)code;
}
