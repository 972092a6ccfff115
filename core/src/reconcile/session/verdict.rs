//! How sessions end.

use core::fmt;

/// How a session stands after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Open,
    /// Both stores are equal.
    Equal,
    /// One of the stores changed for other reasons meanwhile, so nothing is proved.
    Unsettled,
    /// Both sides are done and their stores differ: ids collided, by chance or by intent.
    Mismatch,
    /// The method gave up, or the peer did.
    Failed(SessionError),
}

impl Verdict {
    /// Whether the next session with the peer is to be salted. Chosen content that cancels in the cells of an epoch makes the
    /// closing check fail, or leaves cells that contradict each other, which looks like a peer's mistake: an error of the
    /// peer is no proof that it was one. [`Verdict::Unsettled`] is none of these, though who writes without end can
    /// keep sessions unsettled: several of them in a row are a reason, too, for who counts them.
    pub const fn calls_for_salt(self) -> bool {
        matches!(self, Self::Mismatch | Self::Failed(_))
    }
}

/// Why a session ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// The peer's words are not the method's.
    Malformed,
    /// There are more differences than the method takes, or the peer sends without end.
    TooMany,
    /// A message came out of turn.
    OutOfTurn,
    /// The store was written to while a search needed it to stand still.
    Changed,
    /// The peer gave up.
    Aborted,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the peer's words do not belong to the method",
            Self::TooMany => "there are more differences than the method takes",
            Self::OutOfTurn => "a message came out of turn",
            Self::Changed => "the store changed during the search",
            Self::Aborted => "the peer gave up",
        })
    }
}

impl core::error::Error for SessionError {}
