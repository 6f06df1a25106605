"""Does any input, however odd or damaged, get anything but a right answer or one sentence?

``python -m tests.fuzz --seconds 600 --seed 1`` makes inputs of every kind and runs them. Each must end in exit
code 0 with every invariant of the model kept, or in exit code 2 with one sentence, and leave all other files alone.

A kind of input is a module of ``kinds``: ``make`` draws an input from a random generator, ``run`` gives it to the
product. ``session`` runs commands and judges what every command owes; ``invariants`` judges results; ``shrink`` makes
what was found small; ``driver`` keeps a process of its own at it, bounded in memory and time. ``kills`` ends commands
that write at random moments.
"""
