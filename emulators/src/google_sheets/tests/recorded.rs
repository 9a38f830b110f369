//! Exchanges recorded with the real API.
