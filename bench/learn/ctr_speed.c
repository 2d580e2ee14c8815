/* How many rows a second one core learns, reading included: makes a file of 39 features a row (13
 * numbers, 26 names of 10 to 1,000,000 values, skewed), and runs "winnow ctr train" over it in one
 * pass. Processor time, user and system, of the whole command.
 *
 *   bench_learn_ctr_speed [DATA_DIR [ROWS]]     DATA_DIR is not used; 10,000,000 rows (2.6 GB in
 *                                               $TMPDIR or /tmp) unless told */
#include "core/buf.h"
#include "core/num.h"
#include "core/rand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBERS = 13, NAMES = 26 };

static double seconds(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* What a value does to the logit, out of its hash. */
static double effect(uint64_t hash)
{
    return 0.4 * ((double)(hash >> 40) * 0x1p-23 - 1);
}

static char *put_hex(char *p, uint32_t x)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        *p++ = "0123456789abcdef"[x >> shift & 15];
    return p;
}

static char *put_whole(char *p, uint32_t x)
{
    char digits[12];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + x % 10);
    while ((x /= 10) > 0);
    while (n)
        *p++ = digits[--n];
    return p;
}

/* The rest of a row behind its label; *logit: what it says about it. */
static char *put_row(char *p, struct wn_rand *r, double *logit)
{
    *logit = -2;
    for (uint64_t f = 0; f < NUMBERS; f++) {
        double u = wn_rand_uniform(r);
        *p++ = '\t';
        if (u < 0.1)
            continue;
        uint32_t x = (uint32_t)expm1(9 * u * u * u);
        *logit += effect(wn_rand_mix(f, (uint64_t)log1p(x)));
        p = put_whole(p, x);
    }
    for (uint64_t f = 0; f < NAMES; f++) {
        double u = wn_rand_uniform(r), size = pow(10, 1 + 5.0 * (double)f / (NAMES - 1));
        uint64_t hash = wn_rand_mix(100 + f, (uint64_t)(size * u * u * u * u));
        *logit += effect(hash) / 2;
        *p++ = '\t';
        p = put_hex(p, (uint32_t)hash);
    }
    *p++ = '\n';
    return p;
}

static bool make_file(const char *path, uint64_t n_rows)
{
    static char block[1 << 20];
    struct wn_rand r;
    FILE *f = fopen(path, "wb");
    bool good = f != NULL;
    wn_rand_init(&r, 1);
    for (uint64_t i = 0; good && i < n_rows;) {
        char *p = block;
        for (; i < n_rows && p < block + sizeof block - 1024; i++) {
            double logit;
            char *label = p++;
            p = put_row(p, &r, &logit);
            *label = wn_rand_uniform(&r) < 1 / (1 + exp(-logit)) ? '1' : '0';
        }
        good = fwrite(block, 1, (size_t)(p - block), f) == (size_t)(p - block);
    }
    return f && fclose(f) == 0 && good;
}

/* The command stands beside the benches: bench/bench_learn_ctr_speed, bin/winnow. */
static void command_path(const char *self, char *out, size_t size)
{
    const char *slash = strrchr(self, '/');
    snprintf(out, size, "%.*s/../bin/winnow", slash ? (int)(slash - self) : 1, slash ? self : ".");
}

static int run(const char *winnow, const char *data, const char *model)
{
    pid_t child = fork();
    int status = 1;
    if (child == 0) {
        execl(winnow, winnow, "ctr", "train", "--input", data, "--model", model, "--learn",
              "stream", "--bits", "22", "--numeric", "c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14",
              "--output", "/dev/null", (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : 1;
}

int main(int argc, char **argv)
{
    const char *dir = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    char data[4096], model[4096], winnow[4096];
    uint64_t n_rows = 10000000;
    if (argc > 2 && !wn_parse_u64(wn_str_of(argv[2]), &n_rows))
        return 2;
    snprintf(data, sizeof data, "%s/winnow-ctr-%ld.tsv", dir, (long)getpid());
    snprintf(model, sizeof model, "%s/winnow-ctr-%ld.ctr", dir, (long)getpid());
    command_path(argv[0], winnow, sizeof winnow);
    if (access(winnow, X_OK) != 0) {
        printf("ctr speed: skipped, %s is not there\n", winnow);
        return 0;
    }
    bool good = make_file(data, n_rows);
    double before = seconds(RUSAGE_CHILDREN);
    if (good && run(winnow, data, model) == 0) {
        double took = seconds(RUSAGE_CHILDREN) - before;
        printf("ctr speed: %llu rows of 39 features in %.1f s of processor time: %.0f rows/s\n",
               (unsigned long long)n_rows, took, (double)n_rows / took);
    } else {
        printf("ctr speed: failed\n");
        good = false;
    }
    unlink(data);
    unlink(model);
    return good ? 0 : 1;
}
