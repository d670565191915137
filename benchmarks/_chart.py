"""A line chart as SVG, for pages that show what was measured."""

from __future__ import annotations

from html import escape

__all__ = ["line_chart"]

COLOURS = ("#9aa0a6", "#1a73e8", "#e8710a", "#188038", "#a142f4")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 860, 340, 50, 40, 50

Points = list[tuple[float, float]]


def line_chart(title: str, x: str, y: str, lines: dict[str, Points]) -> str:
    """Draw *lines*, by name; the first one is the reference and is grey."""
    most_x = max(px for points in lines.values() for px, _ in points)
    most_y = 1.05 * max(py for points in lines.values() for _, py in points)

    def place(px: float, py: float) -> str:
        across = LEFT + px / most_x * (WIDTH - LEFT - 20)
        down = HEIGHT - BOTTOM - py / most_y * (HEIGHT - BOTTOM - TOP)
        return f"{across:.1f},{down:.1f}"

    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" role="img" aria-label="{escape(title)}">'
    )
    parts = [
        head,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 20, title, size=15),
        _text(WIDTH - 20, HEIGHT - 8, x, anchor="end"),
        _text(LEFT, TOP - 6, y),
    ]
    for step in range(5):
        parts += _grid(step / 4, most_x, most_y)
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(place(*point) for point in points)
        width = 3 if number == 0 else 1.5
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}"/>'
        )
        parts.append(_text(LEFT + 150 + 130 * number, TOP - 6, name, colour=colour))
    return "\n".join([*parts, "</svg>\n"])


def _grid(share: float, most_x: float, most_y: float) -> list[str]:
    across = LEFT + share * (WIDTH - LEFT - 20)
    down = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
    return [
        f'<path d="M{LEFT} {down:.1f}H{WIDTH - 20}" stroke="#e0e0e0"/>',
        _text(LEFT - 6, down + 4, f"{share * most_y:.3g}", anchor="end"),
        _text(across, HEIGHT - BOTTOM + 16, f"{share * most_x:.0f}", anchor="middle"),
    ]


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    anchor: str = "start",
    colour: str = "#3c4043",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{colour}">{escape(text)}</text>'
    )
