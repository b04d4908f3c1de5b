/* Loaded before libc (LD_PRELOAD): a disk whose power can be cut and whose space can run out.
 *
 * Only regular files below the folder SOAK_DISK are touched. What is synced is copied to the folder SOAK_SYNCED under
 * the same name, whole or not at all: those copies are what a power cut leaves for certain. Writes can be counted,
 * fail from the n-th on with ENOSPC until there is room again, or fail at random with EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long room = -1; /* writes until the disk is full; -1: there is room for all */
static long writes, failures;
static int per_mille;
static unsigned seed = 1;

void soak_room(long left) { pthread_mutex_lock(&lock); room = left; pthread_mutex_unlock(&lock); }
void soak_errors(int rate, unsigned start) { pthread_mutex_lock(&lock); per_mille = rate; seed = start; pthread_mutex_unlock(&lock); }
long soak_writes(void) { return writes; }
long soak_failures(void) { return failures; }

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

/* The name of an open file below SOAK_DISK, or nothing. */
static const char *on_disk(int file, char path[PATH_MAX]) {
    const char *disk = getenv("SOAK_DISK");
    char link[64];
    struct stat found;
    if (!disk || fstat(file, &found) || !S_ISREG(found.st_mode)) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    size_t prefix = strlen(disk);
    return strncmp(path, disk, prefix) == 0 && path[prefix] == '/' ? path + prefix + 1 : NULL;
}

/* Whether this write or sync fails, and how. */
static int fails(int file, int takes_room) {
    char path[PATH_MAX];
    int error = 0;
    if (!on_disk(file, path)) return 0;
    pthread_mutex_lock(&lock);
    if (takes_room) {
        writes++;
        if (room == 0) error = ENOSPC;
        else if (room > 0) room--;
    }
    if (per_mille && rand_r(&seed) % 1000 < per_mille) error = EIO;
    if (error) failures++;
    pthread_mutex_unlock(&lock);
    errno = error ? error : errno;
    return error;
}

static void keep(int file) {
    const char *folder = getenv("SOAK_SYNCED");
    char path[PATH_MAX], part[PATH_MAX + 16], whole[PATH_MAX + 16], bytes[1 << 16];
    const char *name = folder ? on_disk(file, path) : NULL;
    if (!name) return;
    ssize_t (*plain)(int, const void *, size_t) = next("write");
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    snprintf(part, sizeof part, "%s/.part", folder);
    pthread_mutex_lock(&lock); /* an older copy must not replace a newer one */
    int in = open(path, O_RDONLY), out = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;
    while ((got = read(in, bytes, sizeof bytes)) > 0)
        if (plain(out, bytes, got) != got) abort();
    if (in < 0 || out < 0 || got < 0 || close(out) || rename(part, whole)) abort();
    close(in);
    pthread_mutex_unlock(&lock);
}

#define SYNC(name) \
    int name(int file) { \
        int (*real)(int) = next(#name); \
        if (fails(file, 0)) return -1; \
        int done = real(file); \
        if (!done) keep(file); \
        return done; \
    }
SYNC(fsync)
SYNC(fdatasync)

ssize_t write(int file, const void *bytes, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = next("write");
    return fails(file, 1) ? -1 : real(file, bytes, size);
}

#define PWRITE(name, offset) \
    ssize_t name(int file, const void *bytes, size_t size, offset at) { \
        ssize_t (*real)(int, const void *, size_t, offset) = next(#name); \
        return fails(file, 1) ? -1 : real(file, bytes, size, at); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
