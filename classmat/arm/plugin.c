/* A plugin for QEMU's user mode (plugin API 1 to 4): counts how often each instruction between two addresses runs, and what the
 * kernel's loads and stores do in two levels of cache. Written to a file at the end:
 *
 *   i ADDRESS TIMES BYTES         an instruction, its bytes in hexadecimal
 *   m LOADS STORES BYTES L1_MISSES L2_MISSES
 *
 * Arguments: low=ADDRESS, high=ADDRESS (of code, as linked), out=FILE, l1=BYTES, l1ways=N, l2=BYTES, l2ways=N.
 * The API is declared here, since distributions do not ship its header.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

#ifndef API
#define API 1
#endif

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
                                      void (*)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), int, int, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
#if API < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);
#endif
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);

__attribute__((visibility("default"))) int qemu_plugin_version = API;

enum { NO_REGISTERS = 0, READ_AND_WRITE = 3, LINE = 64, WAYS = 32 };

struct cache {
    size_t sets, ways;
    uint64_t *tags; /* of each set, the latest first; 0 is none */
    uint64_t misses;
};
struct block {
    size_t count, *places;
    uint64_t times;
    struct block *next;
};

static uint64_t low, high, loads, stores, bytes;
static uint64_t *times;        /* by address */
static unsigned char *code, *sizes;
static struct block *blocks;
static struct cache l1, l2;
static char out[4096];

static bool fetch(struct cache *c, uint64_t line)
{
    uint64_t *tags = c->tags + line % c->sets * c->ways, tag = line + 1;
    size_t k = 0;
    while (k < c->ways - 1 && tags[k] != tag)
        k++;
    const bool hit = tags[k] == tag;
    memmove(tags + 1, tags, k * sizeof *tags);
    tags[0] = tag;
    c->misses += !hit;
    return hit;
}

static void on_memory(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    const unsigned size = 1u << qemu_plugin_mem_size_shift(info);
    (void)cpu;
    (void)data;
    if (qemu_plugin_mem_is_store(info))
        stores++;
    else
        loads++;
    bytes += size;
    for (uint64_t line = address / LINE; line <= (address + size - 1) / LINE; line++)
        if (!fetch(&l1, line))
            fetch(&l2, line);
}

static void on_block(unsigned cpu, void *data)
{
    (void)cpu;
    ((struct block *)data)->times++;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const uint64_t start = qemu_plugin_tb_vaddr(tb);
    const size_t n = qemu_plugin_tb_n_insns(tb);
    (void)id;
    if (start < low || start >= high)
        return;
    struct block *block = calloc(1, sizeof *block);
    block->places = calloc(n, sizeof *block->places);
    block->next = blocks;
    blocks = block;
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const size_t at = qemu_plugin_insn_vaddr(insn) - low, size = qemu_plugin_insn_size(insn);
        if (at + size > high - low)
            break;
#if API < 3
        memcpy(code + at, qemu_plugin_insn_data(insn), size);
#else
        qemu_plugin_insn_data(insn, code + at, size);
#endif
        sizes[at] = size;
        qemu_plugin_register_vcpu_mem_cb(insn, on_memory, NO_REGISTERS, READ_AND_WRITE, NULL);
        block->places[block->count++] = at;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, NO_REGISTERS, block);
}

static void at_end(qemu_plugin_id_t id, void *data)
{
    FILE *file = fopen(out, "w");
    (void)id;
    (void)data;
    if (!file)
        return;
    for (const struct block *b = blocks; b; b = b->next)
        for (size_t i = 0; i < b->count; i++)
            times[b->places[i]] += b->times;
    for (size_t at = 0; at < high - low; at++)
        if (times[at]) {
            fprintf(file, "i %" PRIx64 " %" PRIu64 " ", low + at, times[at]);
            for (size_t k = 0; k < sizes[at]; k++)
                fprintf(file, "%02x", code[at + k]);
            fprintf(file, "\n");
        }
    fprintf(file, "m %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", loads, stores, bytes, l1.misses,
            l2.misses);
    fclose(file);
}

static void make_cache(struct cache *c, size_t size, size_t ways)
{
    c->ways = ways;
    c->sets = size / (ways * LINE);
    c->tags = calloc(c->sets * ways, sizeof *c->tags);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                                                char **argv)
{
    size_t size1 = 32768, ways1 = 4, size2 = 524288, ways2 = 8;
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (!value++)
            return -1;
        if (!strncmp(argv[i], "low=", 4))
            low = strtoull(value, NULL, 0);
        else if (!strncmp(argv[i], "high=", 5))
            high = strtoull(value, NULL, 0);
        else if (!strncmp(argv[i], "out=", 4))
            snprintf(out, sizeof out, "%s", value);
        else if (!strncmp(argv[i], "l1=", 3))
            size1 = strtoull(value, NULL, 0);
        else if (!strncmp(argv[i], "l1ways=", 7))
            ways1 = strtoull(value, NULL, 0);
        else if (!strncmp(argv[i], "l2=", 3))
            size2 = strtoull(value, NULL, 0);
        else if (!strncmp(argv[i], "l2ways=", 7))
            ways2 = strtoull(value, NULL, 0);
        else
            return -1;
    }
    if (high <= low || ways1 > WAYS || ways2 > WAYS)
        return -1;
    times = calloc(high - low, sizeof *times);
    code = calloc(high - low, 1);
    sizes = calloc(high - low, 1);
    make_cache(&l1, size1, ways1);
    make_cache(&l2, size2, ways2);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, at_end, NULL);
    return 0;
}
