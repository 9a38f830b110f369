//! What formulas come to.
