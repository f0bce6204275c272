"""Which tests are quick, and slips in the money rules that a test has to notice."""
