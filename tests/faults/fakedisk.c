/* Preloaded into a server: writes to its files are refused with EROFS while the file $FAKEDISK_REFUSES exists, as when a
 * file system turns read-only under a program that has its files open (ext4: errors=remount-ro). A mount cannot
 * be made read-only in a test while somebody writes there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int refuses(int fd) {
    const char *path = getenv("FAKEDISK_REFUSES");
    struct stat file;
    /* Sockets and pipes are no disk. */
    return path && access(path, F_OK) == 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
}

#define REFUSING(type, name, parameters, arguments)                     \
    type name parameters {                                              \
        static type(*real) parameters;                                  \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);           \
        int saved = errno;                                              \
        if (refuses(fd)) { errno = EROFS; return -1; }                  \
        errno = saved;                                                  \
        return real arguments;                                          \
    }

REFUSING(ssize_t, write, (int fd, const void *buffer, size_t n), (fd, buffer, n))
REFUSING(ssize_t, pwrite, (int fd, const void *buffer, size_t n, off_t at), (fd, buffer, n, at))
REFUSING(ssize_t, pwrite64, (int fd, const void *buffer, size_t n, off64_t at), (fd, buffer, n, at))
REFUSING(int, ftruncate, (int fd, off_t length), (fd, length))
REFUSING(int, ftruncate64, (int fd, off64_t length), (fd, length))
