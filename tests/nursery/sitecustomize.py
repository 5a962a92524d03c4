"""Commands that tests run get their zygote from the nursery, ready made: Python imports this file as it starts."""

import nursery

nursery.install()
