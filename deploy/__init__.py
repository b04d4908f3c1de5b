"""How many can use it: two page processes, two grading workers, PostgreSQL and nginx, in containers or without."""
