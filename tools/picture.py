#!/usr/bin/env python3
"""A terminal as an SVG picture: `picture.py COMMANDS.txt OUT.svg`. A line `$ …` is what was typed, `…` stands for lines left out."""

import html
import pathlib
import sys

ROW, COLUMN, MARGIN = 17, 7.8, 16
NBSP = "\u00a0"  # viewers fold plain blanks
COLORS = {"text": "#d5dbe3", "dim": "#8a94a3", "verb": "#7fd18b", "prompt": "#6cb6ff", "back": "#1c2128"}
# What stands right-aligned before what happens.
VERBS = {"Playing", "Running", "Finished", "Rehearsed", "Verifying", "Publishing", "Building"}


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    lines = source.read_text().rstrip("\n").split("\n")
    width = MARGIN * 2 + max(map(len, lines)) * COLUMN
    height = MARGIN * 2 + len(lines) * ROW
    rows = "\n".join(row(number, line) for number, line in enumerate(lines))
    out.write_text(f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}">
<rect width="100%" height="100%" rx="8" fill="{COLORS['back']}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" fill="{COLORS['text']}" xml:space="preserve">
{rows}
</g>
</svg>
""")


def row(number, line):
    y = MARGIN + ROW * (number + 0.75)
    word = line.strip().split(" ")[0]
    if line.startswith("$ "):
        spans = [("prompt", "$ "), ("bold", line[2:])]
    elif word in VERBS and line.startswith(" "):
        verb = line[:line.index(word) + len(word)]
        spans = [("verb", verb), ("", line[len(verb):])]
    elif word == "…" or line.isupper() and not any(letter.isdigit() for letter in line.split(" ")[0]):
        spans = [("dim", line)]
    else:
        spans = [("", line)]
    style = {"": "", "bold": ' font-weight="bold"', "verb": f' fill="{COLORS["verb"]}" font-weight="bold"'}
    text = "".join(f"<tspan{style.get(kind) if kind in style else f' fill={chr(34)}{COLORS[kind]}{chr(34)}'}>"
                   f"{html.escape(text).replace(' ', NBSP)}</tspan>" for kind, text in spans if text)
    # As wide as the letters of a terminal are, whatever font there is.
    length = f' textLength="{len(line) * COLUMN:.0f}" lengthAdjust="spacingAndGlyphs"' if line.strip() else ""
    return f'<text x="{MARGIN}" y="{y:.0f}"{length}>{text}</text>'


if __name__ == "__main__":
    main()
