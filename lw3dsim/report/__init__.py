"""Report: results as tables, files, plots and pages."""
