"""The registration network: rendered training views, training, evaluation and export."""
