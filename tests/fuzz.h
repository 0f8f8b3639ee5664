/* A fuzz target is one function, fuzz_one. Built with -DFUZZ_LIBFUZZER it is a libFuzzer
   target; built plainly its main replays the files named on the command line, and with
   `-n COUNT FILES...` also COUNT random mutations of each (fixed seed, no coverage). */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fuzz_one(const uint8_t *data, size_t size);

#ifdef FUZZ_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size);
    return 0;
}
#else
static uint32_t fuzz_state = 2463534242u;

static uint32_t fuzz_random(void)
{
    fuzz_state ^= fuzz_state << 13;
    fuzz_state ^= fuzz_state >> 17;
    fuzz_state ^= fuzz_state << 5;
    return fuzz_state;
}

/* One to four random edits of data, in place or shorter; returns the new size. */
static size_t fuzz_mutate(uint8_t *data, size_t size)
{
    for (uint32_t edits = 1 + fuzz_random() % 4; edits > 0 && size > 0; edits--) {
        size_t at = fuzz_random() % size;
        switch (fuzz_random() % 4) {
        case 0: data[at] = (uint8_t)fuzz_random(); break;
        case 1: data[at] = (uint8_t) "\r\n\"\\{}[]:,0\0"[fuzz_random() % 12]; break;
        case 2: size = at; break;
        case 3:
            memmove(data + at, data + at + 1, size - at - 1);
            size--;
            break;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t data[1 << 20], work[1 << 20];
    unsigned long  mutations = 0, runs = 0;
    int            first = 1;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        mutations = strtoul(argv[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            fprintf(stderr, "%s: cannot open %s\n", argv[0], argv[i]);
            return 1;
        }
        size_t size = fread(data, 1, sizeof data, f);
        fclose(f);
        fuzz_one(data, size);
        runs++;
        for (unsigned long n = 0; n < mutations; n++, runs++) {
            memcpy(work, data, size);
            fuzz_one(work, fuzz_mutate(work, size));
        }
    }
    printf("%s: %lu passed, 0 failed\n", argv[0], runs);
    return 0;
}
#endif
#endif
