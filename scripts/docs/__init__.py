"""The pages of docs/ that are made from the code: `python -m scripts.docs` writes them."""
