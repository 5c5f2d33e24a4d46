"""Errors a person can act on, each with the exit code of sysexits.h for a service manager."""


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
