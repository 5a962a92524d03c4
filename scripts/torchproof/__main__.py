"""`python -m torchproof`, for machines where nothing is installed."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
