"""What may be concluded: evaluation, ablations, scaling, and information by modality, with their statistics."""
