"""Studies: evaluation, ablations, scaling and information per modality, with their statistics and reports."""
