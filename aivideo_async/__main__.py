"""``python -m aivideo_async`` is the ``aivideo`` command."""

from __future__ import annotations

from aivideo_async.cli import main

if __name__ == "__main__":
    main()
