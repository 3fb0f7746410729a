//! Scripts of a job.
