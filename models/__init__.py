"""Networks, synthetic data, training, evaluation, and the bundles that ship. Needs the extra `train`."""
