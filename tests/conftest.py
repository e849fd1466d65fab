"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Ctrl-C reaches the processes that tests start, too where a shell began the tests in the background.

    Such a shell has SIGINT ignored, which children inherit; a signal with a handler they start with as usual.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
