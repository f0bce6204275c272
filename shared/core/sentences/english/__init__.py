"""English, a chapter a module: `SENTENCES` by their keys, which begin with the module's name."""
