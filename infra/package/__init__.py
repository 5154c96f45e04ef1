"""`make package`: what Lambda runs, as one archive, and the Terraform that Chalice makes of app.py, brought up to date.

``build`` does the work; ``contents`` says what belongs into the archive and what is native in it, ``archive`` writes it
the same way every time, ``chalice`` asks Chalice, ``terraform`` and ``gateway`` mend what Chalice's answer lacks.
"""
