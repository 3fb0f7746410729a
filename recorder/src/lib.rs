pub mod depacketize;
pub mod jitter;
pub mod rtp;
