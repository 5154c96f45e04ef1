"""The API's own description and the table of what clients use of it, made from the code that answers."""
