"""Recaps and intros: one programme in, its labelled segments out.

sound and pictures -> one network for both -> BiLSTM -> CRF -> segments -> boundaries snapped
"""
