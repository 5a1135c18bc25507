//! The indexer against real chains: a scripted life of orders, reorganisations, faults, and every route.

mod court;
mod document;
mod faults;
mod http;
mod life;
mod networks;
mod reorg;
mod rush;
mod sales;
mod world;
