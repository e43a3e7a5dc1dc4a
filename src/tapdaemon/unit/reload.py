"""The reload step."""


def main() -> int:
    return 1
