//! The ways to find out in what two stores differ. Each is two state machines, of the side that opens and of the side that
//! answers, which exchange words until one of them has found the differences.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use crate::reconcile::coding::keyed::{FormA, FormB, LongFormA, LongFormB};
use crate::reconcile::coding::range::{self, Ranges};
use crate::reconcile::coding::riblt::Riblt;
use crate::reconcile::coding::search_tree::{Entry, SearchTree};
use crate::reconcile::session::SessionError;
use crate::reconcile::session::auto::Auto;
use crate::reconcile::session::everything::Everything;
use crate::reconcile::session::index::{IdLength, Index};
use crate::reconcile::session::part::Opening;
use crate::reconcile::session::rateless::Rateless;
use crate::reconcile::session::recent::Meeting;
use crate::reconcile::session::sketch::PinSketch;
use crate::reconcile::session::summary::SummaryMethod;
use crate::reconcile::session::table::DifferenceDigest;
use crate::reconcile::session::transfer::Findings;
use crate::reconcile::session::two_level::Authors;
use crate::reconcile::session::walk::Walker;
use crate::reconcile::session::work::Work;
use crate::store::{Store, Tuple};
use crate::wire::DecodeError;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $tag:literal, $name:literal, $build:expr;)*) => {
        /// How differences are found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum MethodKind {
            $($(#[$doc])* $kind = $tag,)*
        }

        impl MethodKind {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in scenarios and results.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            pub(super) fn from_tag(tag: u8) -> Result<Self, DecodeError> {
                match tag {
                    $($tag => Ok(Self::$kind),)*
                    _ => Err(DecodeError::UnknownTag),
                }
            }
        }

        /// One side of a method, in a salted session or another. What is remembered of the peer is nothing to a salted one.
        pub(super) fn build(kind: MethodKind, salted: bool, met: Option<Meeting>) -> Box<dyn Method + Send> {
            let mut method: Box<dyn Method + Send> = match kind {
                $(MethodKind::$kind => Box::new($build),)*
            };
            match met {
                _ if salted => method.salt(),
                Some(met) => method.remember(met),
                None => {}
            }
            method
        }
    };
}

kinds! {
    /// Summaries of all authors: the digests of Scuttlebutt. Between peers that were equal before, of those that changed since.
    Summary = 0, "summary", SummaryMethod::default();
    /// RIBLT over (key, state): the published code.
    Riblt = 1, "riblt", Rateless::<Riblt>::default();
    /// Keyed RIBLT, 24 bytes a cell, the direction learned from the payload.
    KeyedRiblt = 2, "keyed-riblt", Rateless::<FormA>::default();
    /// Keyed RIBLT with a sum of versions, 32 bytes a cell.
    VersionedRiblt = 3, "versioned-riblt", Rateless::<FormB>::default();
    /// PinSketch: up to 1,000 differences, one or two for each key.
    PinSketch = 4, "pinsketch", PinSketch::default();
    /// PinSketch of 64 differences, bisected where there are more.
    PinSketchBisect = 5, "pinsketch-bisect", PinSketch::bisecting();
    /// Invertible Bloom lookup table behind a strata estimator.
    Iblt = 6, "iblt", DifferenceDigest::default();
    /// Range-based reconciliation over the order of keys.
    Range = 7, "range", Walker::<Ranges<Vec<range::Item>>>::default();
    /// Keyed RIBLT over the authors' summaries, then deltas of the authors that differ.
    TwoLevel = 8, "two-level", Rateless::<Authors>::default();
    /// Merkle search tree.
    SearchTree = 9, "search-tree", Walker::<SearchTree<Vec<Entry>>>::default();
    /// Summaries or keyed RIBLT, whichever takes fewer bytes.
    Auto = 10, "auto", Auto::default();
    /// The newest version of every author and nothing else: classic Scuttlebutt. It does not notice equivocation, withheld
    /// versions, or what a lost message left out; for comparison only.
    Versions = 11, "versions", SummaryMethod::classic();
    /// Everything that one side holds, and back what was not among it.
    FullPush = 12, "full-push", Everything::default();
    /// Keyed RIBLT with key ids of 122 bits, 32 bytes a cell.
    KeyedRibltLong = 13, "keyed-riblt-long", Rateless::<LongFormA>::default();
    /// Keyed RIBLT with key ids of 122 bits and a sum of versions, 40 bytes a cell.
    VersionedRibltLong = 14, "versioned-riblt-long", Rateless::<LongFormB>::default();
}

impl MethodKind {
    /// Whether authors may be compared by their newest versions. A version that one side lacks below its newest one (withheld
    /// by somebody, or lost) shows only once the newest versions agree, so that equal stores can take a second session.
    pub const fn compares_authors(self) -> bool {
        matches!(self, Self::Summary | Self::TwoLevel | Self::Auto)
    }

    /// How long the ids of keys are that its sessions speak of.
    pub const fn ids(self) -> IdLength {
        match self {
            Self::KeyedRibltLong | Self::VersionedRibltLong => IdLength::Long,
            _ => IdLength::Short,
        }
    }

    /// Whether the method makes any two stores equal, in a session or in those that follow it. A classic form is here to be
    /// compared with: its closing check counts what it missed, and nobody repairs that.
    pub const fn repairs(self) -> bool {
        !matches!(self, Self::Versions)
    }
}

/// How a session is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How the differences are found.
    pub method: MethodKind,
    /// Ids are salted with the session's nonce: the last session with the peer went wrong.
    pub salted: bool,
    /// What the first message may hold of the method's words, in bytes, where the method has a choice.
    pub room: usize,
    /// When both stores were equal last. Summaries go on from there, in a session that is not salted.
    pub met: Option<Meeting>,
}

/// One side of a method.
pub(super) trait Method: Debug {
    /// The opener's first words, at most `room` bytes of them where the method has a choice.
    fn open(&mut self, index: &Index, store: &Store, room: usize) -> Vec<u8>;

    /// The session is salted, because the last one went wrong. Told first, to both sides.
    fn salt(&mut self) {}

    /// Both stores were equal once. Told first, to either side that remembers it.
    fn remember(&mut self, _met: Meeting) {}

    /// The answerer learns what the opening says besides the words.
    fn meet(&mut self, _opening: &Opening) {}

    /// Takes the peer's words.
    ///
    /// # Errors
    /// The words are none of this method, or there are too many differences for it.
    fn handle(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError>;

    /// The peer gave these, which the store has taken in by now.
    fn hear(&mut self, _tuples: &[Arc<Tuple>], _index: &Index) {}

    /// What this side computed since it was asked last.
    fn take_work(&mut self) -> Work {
        Work::default()
    }

    /// Syndromes or cells of tables that this side took from the peer, repeated attempts included.
    fn units_taken(&self) -> u64 {
        0
    }
}

/// What a method does with the peer's words.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Says this, a message each.
    pub(super) say: Vec<Vec<u8>>,
    /// Found this.
    pub(super) found: Option<Findings>,
    /// Says this once what was found is on its way.
    pub(super) then: Option<Vec<u8>>,
    /// There is no more to find.
    pub(super) done: bool,
}

impl Turn {
    pub(super) fn say(words: Vec<u8>) -> Self {
        Self { say: Vec::from([words]), ..Self::default() }
    }

    /// The same, said under a tag.
    pub(super) fn under(mut self, tag: u8) -> Self {
        self.say.iter_mut().chain(&mut self.then).for_each(|words| words.insert(0, tag));
        self
    }

    pub(super) fn done(found: Findings) -> Self {
        Self { found: Some(found), done: true, ..Self::default() }
    }
}

impl From<DecodeError> for SessionError {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}
