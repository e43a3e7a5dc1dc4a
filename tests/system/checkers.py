"""The judges of Debian packages, inside a machine: lintian, and piuparts with an older version to upgrade from."""

from __future__ import annotations

REPOSITORY = "/srv/repo"
# piuparts asks apt, which trusts no repository that nobody signed.
TRUST = """\
#!/bin/sh
echo 'Acquire::AllowInsecureRepositories 1; APT::Get::AllowUnauthenticated 1;' >/etc/apt/apt.conf.d/99trust
"""


def lintian(machine, packages: str) -> list[str]:
    """Errors, warnings, infos and pedantic tags, a line each."""
    return machine.run(f"lintian --allow-root -I --pedantic {packages}", check=False).stdout.splitlines()


def piuparts(machine, chroot: str, older: str, newer: str) -> None:
    """Install and purge the newer packages, then upgrade to them from the older ones; fails in piuparts' own words.

    :param chroot: ``plain`` or ``full``, see packaging/make-root.
    """
    suite, place = machine.suite, f"{REPOSITORY}/dists/{machine.suite}"
    machine.write("/srv/scripts/post_chroot_unpack_trust", TRUST, 0o755)
    architecture = machine.run("dpkg --print-architecture").stdout.strip()
    listing = f"main/binary-{architecture}/Packages"
    machine.run(
        f"rm -rf {REPOSITORY}; mkdir -p {REPOSITORY}/pool {place}/main/binary-{architecture}; touch /etc/resolv.conf; "
        f"cp {older} {REPOSITORY}/pool; cd {REPOSITORY} && dpkg-scanpackages pool >{place}/{listing}; cd {place} && "
        f"printf 'Suite: {suite}\\nCodename: {suite}\\nArchitectures: {architecture} all\\nComponents: main\\n"
        f"SHA256:\\n %s %s {listing}\\n' $(sha256sum {listing} | cut -d' ' -f1) $(stat -c %s {listing}) >Release"
    )
    options = (
        f"-d {suite} --existing-chroot=/srv/roots/{chroot} --bindmount={REPOSITORY} --scriptsdir=/srv/scripts "
        f"--mirror='file://{REPOSITORY} main' --do-not-verify-signatures --log-level=info"
    )
    done = machine.run(f"piuparts {options} {newer} 2>&1", check=False)
    words = [line for line in done.stdout.splitlines() if "converted to" not in line]
    assert done.returncode == 0, "\n".join(words[-60:])
    assert any("PASS: Installation, upgrade and purging tests." in line for line in words), words
