"""Every test of this folder leaves nothing behind in its loop."""

from tests.client.conftest import clean_loop

__all__ = ["clean_loop"]
