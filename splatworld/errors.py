"""What can go wrong, in sentences for the user.

Every error a user can cause is a `SplatworldError`. Its text says what was wrong, where, what was expected and what to
do. `assert` is for our own bugs only.
"""

_LINE_CHARS = 600


class SplatworldError(Exception):
    """Something the user can mend; the command line prints its text and ends with `exit_code`."""

    exit_code = 1


class UsageError(SplatworldError):
    """A request that cannot be carried out as asked: bad option, bad sentence, bad spec."""

    exit_code = 2


class PromptError(UsageError):
    """A prompt that holds nothing to build from."""


class SpecError(UsageError):
    """A scene spec that breaks its schema or a limit."""


class FormatError(SplatworldError):
    """A file that is damaged, hostile or of an unknown format.

    Texts may quote such a file, or what a library says of it, so they are kept to one line of sensible length.
    """

    def __init__(self, text: str = "") -> None:
        line = "".join(c if c.isprintable() else " " for c in text)
        super().__init__(
            line if len(line) <= _LINE_CHARS else f"{line[: _LINE_CHARS // 2]} ... {line[-_LINE_CHARS // 3 :]}"
        )


class OutputError(SplatworldError):
    """A result that could not be written."""


class EditError(UsageError):
    """An edit that does not fit the world it is applied to."""


class BackendError(SplatworldError):
    """A renderer or device that is not available here, with the reason."""


class ViewerError(SplatworldError):
    """The browser viewer's files, which pages carry, that cannot be had here."""


class Cancelled(SplatworldError):
    """Raised by a progress callable to stop long work; whoever does the work lets it pass through."""
