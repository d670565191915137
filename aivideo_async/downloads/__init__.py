"""
Results into files: complete or not at all, and only from where a result may lie.

`guard` says which addresses may be reached, `media` what a complete file is, `files`
puts it on the disk in one step, `fetch` gets one URL, `downloader` saves one task.
Everything here is free: a GET may be tried again, unlike a create. The API key is not
known in this room.
"""

from aivideo_async.downloads.downloader import Downloader
from aivideo_async.downloads.fetch import Limits

__all__ = ["Downloader", "Limits"]
