//! The rules against plain transcriptions of what the contracts do.

mod nodes;
mod rewards;
mod uptime;
mod vectors;
mod wire;
mod world;
