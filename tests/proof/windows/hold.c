/* hold.exe FILE MILLISECONDS: keeps a file open, as a virus scanner does: others may read it, not replace or remove it. */
#include <windows.h>
#include <shellapi.h>
#include <stdio.h>

int main(void) {
    int count;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    HANDLE file = CreateFileW(words[1], GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) return 1;
    puts("open");
    fflush(stdout);
    Sleep((DWORD)_wtoi(words[2]));
    return 0;
}
