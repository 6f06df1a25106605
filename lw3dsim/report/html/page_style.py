"""The frame and the style of the HTML pages."""

from __future__ import annotations

from string import Template

# The policy forbids every request, so that a page is self-contained by force and not only by care.
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
$generator
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
<script>$plotlyjs</script>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")

STYLE = """
:root { --page: #fbfbfa; --card: #ffffff; --ink: #1f2328; --soft: #5d6570; --line: #dfe2e6; --share: #cfe3f3 }
@media (prefers-color-scheme: dark) {
:root { --page: #14171b; --card: #1b1f24; --ink: #e4e7eb; --soft: #9aa3ae; --line: #31373f; --share: #1f4460 }
}
* { box-sizing: border-box; }
/* The scroll bar is there before the figures measure their width. */
html { overflow-y: scroll; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 44px 0 14px; }
p { margin: 0 0 10px; max-width: 100ch; overflow-wrap: anywhere; }
.warning { background: var(--card); border-left: 4px solid #D55E00; padding: 9px 13px; font-weight: 600; }
.soft, figcaption span { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(250px, 1fr)); gap: 12px }
.tile, figure, .scroll, details { background: var(--card); border: 1px solid var(--line); border-radius: 8px }
.tiles { margin: 24px 0; }
.tile { padding: 11px 15px; }
.tile b { display: block; font-size: 24px; line-height: 1.3; font-weight: 600; }
.tile b small { font-size: 14px; font-weight: 400; color: var(--soft); }
.tile span { color: var(--soft); font-size: 13px; display: block; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 14px; }
@media (max-width: 900px) { .pair { grid-template-columns: minmax(0, 1fr); } }
figure { margin: 0 0 14px; padding: 13px 15px; min-width: 0; }
figcaption { margin-bottom: 6px; }
figcaption b { font-weight: 600; display: block; }
figcaption span { font-size: 13px; display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 7px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; white-space: normal; vertical-align: bottom;
  max-width: 180px; overflow-wrap: anywhere; }
th.text, td.text { text-align: left; }
tbody tr:last-child td { border-bottom: 0; }
td.name { font-weight: 600; white-space: normal; overflow-wrap: anywhere; min-width: 160px; }
td small { color: var(--soft); font-size: 12px; display: inline-block; min-width: 52px; }
td.share { background: linear-gradient(to left, var(--share) var(--part), transparent var(--part)); }
code, pre { font: 11px/1.45 ui-monospace, monospace; }
details { margin-bottom: 10px; padding: 9px 15px; }
summary { cursor: pointer; }
pre { overflow-x: auto; margin: 10px 0 0; }
li { margin-bottom: 5px; overflow-wrap: anywhere; }
/* plotly.js writes its colours into the figure; here they follow the page. The hover box keeps its own. */
.xtick text, .ytick text, .xtitle, .ytitle, .infolayer .legendtext { fill: var(--ink) !important; }
.bartext, .textpoint text { fill: var(--soft) !important; }
.js-plotly-plot:not(#roofline) :is(.scatterlayer .point, .infolayer .scatterpts) {
  stroke: var(--ink) !important;
}
"""
