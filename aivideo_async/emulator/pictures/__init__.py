"""
The emulator's pictures: valid PNGs of the asked shape that nobody takes for real.

A picture is a calm studio shot of a product that the prompt names, with EMULATED
written across it. `subject` reads the prompt, `scene` decides what stands where in
plain data; `plain` paints that with the standard library alone, `studio` softer, with
Pillow. The same prompt, size and seed always give the same bytes.
"""

from aivideo_async.emulator.pictures.render import SOFTWARE, render
from aivideo_async.emulator.pictures.scene import Picture, picture_size

__all__ = ["SOFTWARE", "Picture", "picture_size", "render"]
