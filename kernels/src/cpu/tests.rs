//! Every instruction set makes the bits of the specification.
