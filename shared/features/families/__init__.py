"""The features by family, a file each: an entry is a feature, with its formula."""
