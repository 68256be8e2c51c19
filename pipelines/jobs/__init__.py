"""Independent jobs, distributed over the processes of this machine or over a dask cluster."""
