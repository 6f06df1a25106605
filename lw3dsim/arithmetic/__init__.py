"""Arithmetic: real tensors through the schedule, tile by tile, against a direct reference."""
