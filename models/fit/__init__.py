"""Everything that is fitted, in one recipe that training and folds share."""
