"""Everything that is kept, out to files of this program and of others, and in again."""
