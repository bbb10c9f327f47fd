"""Networks, rendered data, training, evaluation, the bundles that ship; needs the extra `train`."""
