"""
Results into files: complete or not at all, and only from where a result may lie.

`guard` says which addresses may be reached, `hosts` opens an answer there, `resume`
says whether it continues what is there, `media` what a complete file is. `files` puts
it on the disk in one step, `incoming` collects it, `fetch` gets it, over several
attempts, `downloader` saves one task, and `progress` tells how far it is.
Everything here is free: a GET may be tried again, unlike a create. The API key is not
known in this room.
"""

from aivideo_async.downloads.downloader import Downloader
from aivideo_async.downloads.fetch import Limits
from aivideo_async.downloads.progress import DownloadProgress

__all__ = ["DownloadProgress", "Downloader", "Limits"]
