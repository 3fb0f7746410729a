//! One incoming stream: its books, its losses, its recent past.
