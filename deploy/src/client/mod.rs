//! What a customer does: texts become an order, an order becomes verified vectors.

pub mod collect;
pub mod faults;
pub mod history;
pub mod models;
pub mod moves;
pub mod open;
pub mod passages;
pub mod vectors;
