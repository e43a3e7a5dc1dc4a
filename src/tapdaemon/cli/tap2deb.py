"""tap2deb: make a Debian package of a tap."""

from __future__ import annotations

import os
from typing import Any

import click

from tapdaemon.cli import shipping
from tapdaemon.cli.reporting import run_click
from tapdaemon.errors import ContradictionError

EPILOG = """\
\b
Examples:
  tap2deb -m 'Ann Example <ann@example.org>' web.tap
  tap2deb --unit-only web.tap         the units alone, printed
  tap2deb -y python -p shop shop.tac  from a .tac
  tap2deb --bundle web.tap            with all that it needs inside
"""


@click.command(epilog=EPILOG)
@shipping.options
@click.option("-d", "--debfile", metavar="FILE", help="The package's file, where its name is not to be the usual one.")
@click.option("--source", is_flag=True, help="Write the source package as well (.dsc).")
@click.version_option(package_name="tapdaemon", prog_name="tap2deb")
def command(**given: Any) -> None:
    """Make a Debian package of TAP: its hardened units, its user, its dependencies; nothing in it is run."""
    from tapdaemon.pack import build, debian, hosts

    ship = shipping.Shipping("tap2deb", given["quiet"])
    if given["sign"] is not None and not given["source"]:
        raise ContradictionError("--sign", "what is signed is the .dsc, and none is written", "give --source as well")
    with shipping.the_tap(given, ship.program) as path:
        package = ship.prepare(path, given, hosts.debian()).package
        if given["unit_only"]:
            shipping.show_units(package)
            return
        target = given["debfile"] or os.path.join(given["output_dir"], debian.file_name(package))
        ship.say(f"building {target}")
        ship.close(build.debs(package, target, source=given["source"], key=given["sign"]), "apt install")


def main() -> None:
    """Entry point of the command."""
    run_click("tap2deb", command)


if __name__ == "__main__":
    main()
