"""Recaps and intros: synthetic programmes, the network, its training and its figures."""
