"""What every command of lw3dsim is: an option that takes one value is given once."""

from __future__ import annotations

import click

from lw3dsim.errors import InputError


class Command(click.Command):
    """A command that refuses an option given twice, rather than keep the last without a word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises InputError for an option that is given twice."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option in dict.fromkeys(given):
            if isinstance(option, click.Option) and not option.multiple and given.count(option) > 1:
                raise InputError(f"{'/'.join((*option.opts, *option.secondary_opts))} is given twice; give it once")
        return super().parse_args(ctx, args)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
