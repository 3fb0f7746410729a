//! Why a panel cannot be used, and what to do about it.

use std::path::PathBuf;

use board_config::GpioBackend;

/// Why lines cannot be taken, read or switched. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error(
        "there is no GPIO chip {0}: look whether this is the right board (`moothall config board`), and whether the chip's driver is loaded (`gpiodetect`)"
    )]
    NoChip(String),
    #[error("the GPIO chip {chip} has no line {line}: look whether this is the right board (`moothall config board`)")]
    NoLine { chip: String, line: u32 },
    #[error("line {line} of the GPIO chip {chip} is in use{}: end what uses it, or take the overlay that claims it out of the boot configuration", by(.consumer))]
    Taken {
        chip: String,
        line: u32,
        /// Who has it, as far as the kernel says.
        consumer: String,
    },
    #[error("no permission for {}: run as root, or as a member of the group that owns it", .0.display())]
    Denied(PathBuf),
    #[error(
        "this is no Raspberry Pi that is known: say which board it is (`board` in the configuration, or --board NAME)"
    )]
    NotRaspberry,
    #[error("this program was built without the GPIO back-end {0}: use the one of the package")]
    NoBackend(GpioBackend),
    #[error("the GPIO chip {chip} failed: {source}")]
    Failed { chip: String, source: Box<dyn std::error::Error + Send + Sync> },
}

fn by(consumer: &str) -> String {
    if consumer.is_empty() { String::new() } else { format!(" by {consumer}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_line_is_said_if_it_is_known() {
        let taken = |consumer: &str| {
            LineError::Taken { chip: "gpio3".to_owned(), line: 17, consumer: consumer.to_owned() }.to_string()
        };
        assert!(taken("spi0 CS0").contains("is in use by spi0 CS0: end"));
        assert!(taken("").contains("is in use: end"));
    }
}
