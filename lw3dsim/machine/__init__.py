"""Machine: a layer as the array sees it, the units of the array, and what one step of it costs."""
