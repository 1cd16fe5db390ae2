"""`python -m alrun` and the console script `alrun`."""

from alrun.cli import main

if __name__ == "__main__":
    main()
