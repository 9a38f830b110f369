/* Stands between a process and the machine, so that what is hard to come by happens on the spot:
 *   DISTURB_CLOCK_BACK_MS=n   n ms after the start, the machine's clock goes back by an hour
 *   DISTURB_KILL_AT_WRITE=n   the n-th write to the state file is carried out by half, and the process is killed
 *   DISTURB_FULL_AT_WRITE=n   from the n-th write to the state file on, the disk is full
 *   DISTURB_COUNT=file        at the end, the number of writes to the state file is put there
 * Built and loaded (LD_PRELOAD) by tests/faults. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static struct timespec start;
static long clock_back_ms = -1, kill_at = -1, full_at = -1;
static atomic_long writes;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : -1;
}

__attribute__((constructor)) static void set_up(void) {
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_write = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    real_gettime(CLOCK_MONOTONIC, &start);
    clock_back_ms = number("DISTURB_CLOCK_BACK_MS");
    kill_at = number("DISTURB_KILL_AT_WRITE");
    full_at = number("DISTURB_FULL_AT_WRITE");
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("DISTURB_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld", atomic_load(&writes));
        fclose(file);
    }
}

int clock_gettime(clockid_t id, struct timespec *time) {
    if (!real_gettime) set_up();
    int result = real_gettime(id, time);
    if (result == 0 && id == CLOCK_REALTIME && clock_back_ms >= 0) {
        struct timespec now;
        real_gettime(CLOCK_MONOTONIC, &now);
        long passed = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
        if (passed >= clock_back_ms) time->tv_sec -= 3600;
    }
    return result;
}

static int is_state(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/state.db") != NULL;
}

/* Returns whether the disk is full. `half` writes a part of what is to be written. */
static int disturb(int fd, const void *bytes, size_t count, off_t place) {
    if (!is_state(fd)) return 0;
    long own = atomic_fetch_add(&writes, 1) + 1;
    if (own == kill_at) {
        if (place < 0) real_write(fd, bytes, count / 2);
        else real_pwrite(fd, bytes, count / 2, place);
        kill(getpid(), SIGKILL);
        pause();
    }
    return full_at >= 0 && own >= full_at;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    if (!real_write) set_up();
    if (disturb(fd, bytes, count, -1)) {
        errno = ENOSPC;
        return -1;
    }
    return real_write(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t place) {
    if (!real_pwrite) set_up();
    if (disturb(fd, bytes, count, place)) {
        errno = ENOSPC;
        return -1;
    }
    return real_pwrite(fd, bytes, count, place);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t place) {
    return pwrite(fd, bytes, count, place);
}
