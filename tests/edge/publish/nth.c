/* Fails the n-th call of one kind that touches the outbox: to be preloaded, driven by nth.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { NONE, READ, WRITE, SYNC, OPEN, TRUNCATE, UNLINK, RENAME, ALLOC };

static enum kind armed = NONE;
static long first, last, seen;
static int number; /* errno */
static char folder[256];
static ElfW(Addr) sqlite_from, sqlite_to;

static int find_sqlite(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size, (void)data;
  if (strstr(info->dlpi_name, "sqlite3"))
    for (int i = 0; i < info->dlpi_phnum; i++) {
      const ElfW(Phdr) *p = &info->dlpi_phdr[i];
      if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && strstr(info->dlpi_name, "libsqlite3")) {
        sqlite_from = info->dlpi_addr + p->p_vaddr;
        sqlite_to = sqlite_from + p->p_memsz;
      }
    }
  return 0;
}

/* Fail calls `from` to `to` of a kind, counted from now, on files under `where`. */
void fault_arm(int kind, long from, long to, int error, const char *where) {
  dl_iterate_phdr(find_sqlite, NULL);
  snprintf(folder, sizeof folder, "%s", where);
  first = from, last = to, seen = 0, number = error, armed = kind;
}

/* Return how many calls there were, and fail no more. */
long fault_disarm(void) {
  armed = NONE;
  return seen;
}

int fault_knows_sqlite(void) {
  dl_iterate_phdr(find_sqlite, NULL);
  return sqlite_from != 0;
}

static int fails(enum kind kind, const char *path) {
  if (armed != kind || !path || strncmp(path, folder, strlen(folder))) return 0;
  seen++;
  if (seen < first || seen > last) return 0;
  errno = number;
  return 1;
}

static int fails_fd(enum kind kind, int fd) {
  char link[64], path[512];
  if (armed != kind) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return fails(kind, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t read(int fd, void *b, size_t n) {
  static __typeof__(&read) real;
  if (!real) real = REAL(read);
  return fails_fd(READ, fd) ? -1 : real(fd, b, n);
}
ssize_t pread64(int fd, void *b, size_t n, off64_t at) {
  static __typeof__(&pread64) real;
  if (!real) real = REAL(pread64);
  return fails_fd(READ, fd) ? -1 : real(fd, b, n, at);
}
ssize_t write(int fd, const void *b, size_t n) {
  static __typeof__(&write) real;
  if (!real) real = REAL(write);
  return fails_fd(WRITE, fd) ? -1 : real(fd, b, n);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at) {
  static __typeof__(&pwrite64) real;
  if (!real) real = REAL(pwrite64);
  return fails_fd(WRITE, fd) ? -1 : real(fd, b, n, at);
}
int fsync(int fd) {
  static __typeof__(&fsync) real;
  if (!real) real = REAL(fsync);
  return fails_fd(SYNC, fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  static __typeof__(&fdatasync) real;
  if (!real) real = REAL(fdatasync);
  return fails_fd(SYNC, fd) ? -1 : real(fd);
}
int ftruncate64(int fd, off64_t n) {
  static __typeof__(&ftruncate64) real;
  if (!real) real = REAL(ftruncate64);
  return fails_fd(TRUNCATE, fd) ? -1 : real(fd, n);
}
int unlink(const char *path) {
  static __typeof__(&unlink) real;
  if (!real) real = REAL(unlink);
  return fails(UNLINK, path) ? -1 : real(path);
}
int rename(const char *from, const char *to) {
  static __typeof__(&rename) real;
  if (!real) real = REAL(rename);
  return fails(RENAME, from) ? -1 : real(from, to);
}
int open64(const char *path, int flags, ...) {
  static int (*real)(const char *, int, ...);
  if (!real) real = dlsym(RTLD_NEXT, "open64");
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return fails(OPEN, path) ? -1 : real(path, flags, mode);
}
int open(const char *, int, ...) __attribute__((alias("open64")));

extern void *__libc_malloc(size_t), *__libc_realloc(void *, size_t);
static int alloc_fails(void *caller) {
  if (armed != ALLOC || (ElfW(Addr))caller < sqlite_from || (ElfW(Addr))caller >= sqlite_to)
    return 0;
  seen++;
  return seen >= first && seen <= last;
}
void *malloc(size_t n) {
  return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}
void *realloc(void *p, size_t n) {
  return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
