//! TCP over a path in virtual time: what a transfer will do, without a network.
