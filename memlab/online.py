"""The Hugging Face Hub's libraries, told at once when the Hub does not answer instead of trying again and again."""

import contextlib
from collections.abc import Iterator

_PATIENCE_SECONDS = 5.0
_ANSWERED: set[str] = set()  # endpoints, in this process


@contextlib.contextmanager
def online(needed: bool = True) -> Iterator[None]:
    """Within it the libraries draw no progress bars and, where the Hub is not needed or does not answer, look at their caches only.

    Left alone they ask for each file six times, over 23 seconds. HF_HUB_OFFLINE and proxies are honoured.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    offline, silent = constants.HF_HUB_OFFLINE, are_progress_bars_disabled()
    constants.HF_HUB_OFFLINE = offline or not (needed and _answers(constants.ENDPOINT))
    if not silent:
        disable_progress_bars()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        if not silent:
            enable_progress_bars()


def _answers(endpoint: str) -> bool:
    """Asked until it has answered once: a process that lives long may get its network later."""
    from huggingface_hub import get_session

    if endpoint not in _ANSWERED:
        try:
            get_session().head(endpoint, timeout=_PATIENCE_SECONDS)
        except Exception:  # noqa: BLE001 - no name to catch it by: the session is of httpx or of httpx2
            return False
        _ANSWERED.add(endpoint)
    return True
