"""The program that runs the cases; its own module is not where they are defined, so that their classes have a name."""

import live_cases_core  # noqa: F401 - its cases register themselves
import live_cases_defer  # noqa: F401 - the same
import live_cases_more  # noqa: F401 - the same
import live_cases_protocols  # noqa: F401 - the same
import live_cases_services  # noqa: F401 - the same
import live_cases_ssh  # noqa: F401 - the same
import live_cases_talk  # noqa: F401 - the same
import live_cases_web  # noqa: F401 - the same
import live_world

if __name__ == "__main__":
    live_world.main()
