"""Errors a person can act on, each with the exit code of sysexits.h for a service manager."""

import errno

# A disk, memory or process table at its end: it may be better the next time.
PASSING = frozenset(
    (
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.ESTALE,
        errno.ETIMEDOUT,
    )
)


class EdgeError(Exception):
    """Base of every error that ends a command with one clear message instead of a traceback."""

    exit_code = 70  # EX_SOFTWARE


class UsageError(EdgeError):
    """The command line makes no sense."""

    exit_code = 64  # EX_USAGE


class NoInputError(EdgeError):
    """A file, folder or camera that was named is missing, unreadable or empty."""

    exit_code = 66  # EX_NOINPUT


class UnavailableError(EdgeError):
    """Something needed is not there: a runtime that cannot work, a broker that refuses."""

    exit_code = 69  # EX_UNAVAILABLE


class StorageError(EdgeError):
    """Writing or reading failed half-way."""

    exit_code = 74  # EX_IOERR


class ConfigError(EdgeError):
    """The configuration, a manifest or a model is wrong; restarting will not help."""

    exit_code = 78  # EX_CONFIG


def cannot_read(what: object, error: OSError) -> EdgeError:
    """Return the error of a file that is configured and cannot be read.

    A missing one or one without permission is a mistake in the configuration; a disk that is full
    or broken is not, and a service manager should try again.
    """
    kind = StorageError if error.errno in PASSING else ConfigError
    return kind(f"{what}: {error.strerror or error}")
