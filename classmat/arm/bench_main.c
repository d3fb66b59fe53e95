/* bench.c: times classmat's kernels on this machine, one thread, and prints JSON.
 *
 *   bench [CORE]                  all kernels; pinned to a core if one is given
 *   bench run NAME NUMBER..       one kernel once: arrays as float32 from standard input, results to standard output
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "classmat.h"

#ifndef CLASSMAT_CPU
#define CLASSMAT_CPU "unknown"
#endif
#define MOST 16
#define SECONDS 0.5
#define RUNS 1001
#define GUARD 4096

struct kernel {
    const char *name, *kinds; /* of its arrays: i read, o written */
    void (*run)(const size_t *counts, const float *reals, float **arrays, void *space);
    void (*sizes)(const size_t *counts, size_t *sizes);
    size_t (*space)(const size_t *counts);
    size_t n_counts, counts[MOST], n_reals;
    float reals[MOST];
};

/* KERNELS */

static void *allocate(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes ? bytes : 64)) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

/* Memory behind which nothing may be written: what it holds first is no number. */
static void *guarded(size_t bytes)
{
    unsigned char *memory = allocate(bytes + GUARD);
    memset(memory, 0xff, bytes);
    memset(memory + bytes, 0xa5, GUARD);
    return memory;
}

static int is_overrun(const void *memory, size_t bytes)
{
    const unsigned char *guard = (const unsigned char *)memory + bytes;
    for (size_t i = 0; i < GUARD; i++)
        if (guard[i] != 0xa5)
            return 1;
    return 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* Additions that wait for each other take a cycle each. */
static double clock_ghz(void)
{
    double best = 0;
    for (int i = 0; i < 20; i++) {
        unsigned long x = 0;
        const double before = now();
        for (int j = 0; j < 10000; j++) {
#if defined(__aarch64__)
            __asm__ volatile("add %0, %0, #1\n add %0, %0, #1\n add %0, %0, #1\n add %0, %0, #1\n add %0, %0, #1\n"
                             "add %0, %0, #1\n add %0, %0, #1\n add %0, %0, #1\n add %0, %0, #1\n add %0, %0, #1\n"
                             : "+r"(x));
#elif defined(__x86_64__)
            __asm__ volatile("add %0, %0\n add %0, %0\n add %0, %0\n add %0, %0\n add %0, %0\n"
                             "add %0, %0\n add %0, %0\n add %0, %0\n add %0, %0\n add %0, %0\n"
                             : "+r"(x));
#endif
        }
        const double ghz = 1e5 / (now() - before) * 1e-9;
        best = ghz > best ? ghz : best;
    }
    return best;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_kernel(const struct kernel *k, const char *comma)
{
    static double times[RUNS];
    float *arrays[MOST];
    size_t sizes[MOST], runs = 0;
    unsigned state = 1;
    k->sizes(k->counts, sizes);
    for (size_t i = 0; i < strlen(k->kinds); i++) {
        arrays[i] = allocate(4 * sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++) {
            state = 1664525u * state + 1013904223u;
            arrays[i][j] = (float)(state >> 8) / 16777216.0f;
        }
    }
    void *space = allocate(k->space(k->counts));
    const double start = now();
    k->run(k->counts, k->reals, arrays, space); /* once, to warm up */
    while (runs < RUNS && (runs < 5 || now() - start < SECONDS)) {
        const double before = now();
        k->run(k->counts, k->reals, arrays, space);
        times[runs++] = 1e3 * (now() - before);
    }
    qsort(times, runs, sizeof *times, compare);
    printf("  \"%s\": {\"min_ms\": %.5f, \"median_ms\": %.5f, \"runs\": %zu}%s\n", k->name, times[0], times[runs / 2],
           runs, comma);
    for (size_t i = 0; i < strlen(k->kinds); i++)
        free(arrays[i]);
    free(space);
}

static int run_kernel(const struct kernel *k, char **numbers, int given)
{
    float *arrays[MOST], reals[MOST];
    size_t counts[MOST], sizes[MOST];
    if ((size_t)given != k->n_counts + k->n_reals)
        return 2;
    for (size_t i = 0; i < k->n_counts; i++)
        counts[i] = strtoull(numbers[i], NULL, 10);
    for (size_t i = 0; i < k->n_reals; i++)
        reals[i] = strtof(numbers[k->n_counts + i], NULL);
    k->sizes(counts, sizes);
    for (size_t i = 0; i < strlen(k->kinds); i++) {
        arrays[i] = guarded(4 * sizes[i]);
        if (k->kinds[i] == 'i' && fread(arrays[i], 4, sizes[i], stdin) != sizes[i])
            return 3;
    }
    void *space = guarded(k->space(counts));
    k->run(counts, reals, arrays, space);
    int overrun = is_overrun(space, k->space(counts));
    for (size_t i = 0; i < strlen(k->kinds); i++)
        overrun |= is_overrun(arrays[i], 4 * sizes[i]);
    if (overrun) {
        fprintf(stderr, "%s wrote behind its arrays or its workspace\n", k->name);
        return 5;
    }
    for (size_t i = 0; i < strlen(k->kinds); i++)
        if (k->kinds[i] == 'o' && fwrite(arrays[i], 4, sizes[i], stdout) != sizes[i])
            return 4;
    return 0;
}

int main(int count, char **words)
{
    const size_t n = sizeof KERNELS / sizeof *KERNELS;
    int core = -1;
    if (count > 2 && !strcmp(words[1], "run")) {
        for (size_t i = 0; i < n; i++)
            if (!strcmp(words[2], KERNELS[i].name))
                return run_kernel(KERNELS + i, words + 3, count - 3);
        fprintf(stderr, "no kernel %s\n", words[2]);
        return 2;
    }
    if (count > 1) {
        cpu_set_t set;
        core = atoi(words[1]);
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        if (sched_setaffinity(0, sizeof set, &set))
            fprintf(stderr, "not pinned: core %d cannot be had\n", core);
    }
    printf("{\"program\": \"classmat bench\", \"built_for\": \"%s\", \"core\": %d, \"clock_ghz\": %.3f, \"kernels\": {\n",
           CLASSMAT_CPU, core, clock_ghz());
    for (size_t i = 0; i < n; i++)
        time_kernel(KERNELS + i, i + 1 < n ? "," : "");
    printf("}}\n");
    return 0;
}
