"""Parts of a compiled step: random streams, loop bodies, maps over tasks."""
