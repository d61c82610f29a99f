use std::fmt;

/// The kind of a failure: stable, and shown to users as `ERR_…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A text or an id that cannot be handled (`ERR_DATA`).
    Data,
    /// A `tokenizer.json` that is broken or contradicts itself (`ERR_FORMAT`).
    Format,
    /// An option outside its range (`ERR_OPTION`).
    Option,
    /// More memory than there is (`ERR_MEMORY`).
    Memory,
    /// The work was cancelled (`ABORTED`).
    Aborted,
    /// A tokenizer's library failed where it never should (`ERR_NATIVE`).
    Native,
}

impl Code {
    /// The code as users see it, such as `ERR_DATA`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "ERR_DATA",
            Self::Format => "ERR_FORMAT",
            Self::Option => "ERR_OPTION",
            Self::Memory => "ERR_MEMORY",
            Self::Aborted => "ABORTED",
            Self::Native => "ERR_NATIVE",
        }
    }
}

/// A failure with a stable code and a message that says what was wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of the failure.
    pub code: Code,
    /// What was wrong, in a sentence.
    pub message: String,
}

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Error {}
