"""Forms: where the fields of a sheet are, what each may hold, and how its sheets are read.

Reading needs the extra `fields`.
"""
