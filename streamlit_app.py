"""The entry page: hands over to the pages, decides nothing."""

from simulator.pages import shell

shell.run()
