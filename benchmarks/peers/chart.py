"""The chart of measure.py: a group of bars for each situation and figure that weighs a server."""

import statistics

COLOURS = {"relay": "#888888", "meerkat": "#0a7a5a", "ejabberd": "#c0504d", "prosody": "#7f6bb0"}
WEIGHED = ("cpu_us", "login_cpu_ms", "session_bytes", "limit_messages_s")
WIDTH, LEFT, RIGHT, BAR = 760, 160, 130, 15


def colour(server):
    return next((c for name, c in COLOURS.items() if server.startswith(name)), "#444444")


def chart(rows, titles):
    """An SVG. `rows`: by situation, server and figure, the values of all runs."""
    parts, y = [], 20
    for situation, servers in rows.items():
        for name in WEIGHED:
            values = {server: statistics.median(figures[name])
                      for server, figures in servers.items() if name in figures}
            if not values:
                continue
            title, unit, _ = titles[name]
            parts.append(f'<text x="10" y="{y}" font-size="13">{title}, {situation}</text>')
            y += 8
            for server, value in values.items():
                length = max(1, value / max(values.values()) * (WIDTH - LEFT - RIGHT))
                shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
                parts.append(
                    f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{server}</text>'
                    f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR - 2}" '
                    f'fill="{colour(server)}"/>'
                    f'<text x="{LEFT + length + 5:.0f}" y="{y + 11}">{shown} {unit}</text>')
                y += BAR
            y += 24
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" '
            f'font-family="sans-serif" font-size="11" fill="#222">'
            f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>' + "".join(parts) + "</svg>\n")
