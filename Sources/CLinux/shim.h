#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

// What Linux offers and Swift's Glibc does not show: system calls without a wrapper or with one that needs _GNU_SOURCE.
// Each returns what the call returns, or a negative errno.

#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

/// O_PATH and O_CLOEXEC of open(2), on x86-64 and arm64. <fcntl.h> belongs to Swift's Glibc module and does not show the first.
static const int clinux_o_path = 010000000;
static const int clinux_o_cloexec = 02000000;

/// openat2(2).
static inline int clinux_openat2(int directory, const char *path, unsigned long long flags, unsigned long long resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return result < 0 ? -errno : (int)result;
}

/// renameat2(2) within a directory; `keep` fails with EEXIST where the new name is taken (RENAME_NOREPLACE).
static inline int clinux_rename(int directory, const char *from, const char *to, int keep) {
    long result = syscall(SYS_renameat2, directory, from, directory, to, keep ? 1u : 0u);
    return result < 0 ? -errno : 0;
}

/// pipe2(2), with both ends closed on exec.
static inline int clinux_pipe(int ends[2]) {
    long result = syscall(SYS_pipe2, ends, clinux_o_cloexec);
    return result < 0 ? -errno : 0;
}

#endif
