"""Figures for papers: drawn by Matplotlib without a browser, in the widths of columns, as SVG, PDF, PNG or a page."""
