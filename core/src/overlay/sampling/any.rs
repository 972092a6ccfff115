//! Any sampler behind one type, so that a service or a scenario chooses one at run time without being generic in it. A
//! sampler joins by one line in the table at the end of this file.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::compose::{Embeds, give};
use crate::overlay::sampling::peerswap::{ConfigError as SwapError, PeerSwap, PeerSwapConfig};
use crate::overlay::sampling::{
    Basalt, BasaltConfig, Brahms, BrahmsConfig, ConfigError, Cyclon, CyclonConfig, Framework, FrameworkConfig,
    HyParView, HyParViewConfig, Introduce, Newscast, NewscastConfig, PeerSampling, SamplingEvent,
};
use crate::peer::Peer;
use crate::protocol::{Context, Input, Protocol};
use crate::time::Instant;
use crate::wire::{DecodeError, Message, Reader};

/// The class names of all members, one list behind the other.
const fn joined<const N: usize>(lists: &[&[&'static str]]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut list, mut place) = (0, 0);
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            all[place] = lists[list][at];
            place += 1;
            at += 1;
        }
        list += 1;
    }
    all
}

macro_rules! samplers {
    ($($tag:literal $name:ident, $config:ident, $make:expr, $about:literal;)+) => {
        /// A sampler of any kind. Messages and timers of another kind than its own are ignored.
        #[derive(Debug)]
        pub enum AnySampler<P: Peer> {
            $(#[doc = $about] $name($name<P>),)+
        }

        /// A message of any sampler: a tag of one byte, and the message.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum AnyMessage<P: Peer> {
            $(#[doc = $about] $name(<$name<P> as Protocol>::Message),)+
        }

        /// A timer of any sampler.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AnyTimer {
            $(#[doc = $about] $name(<$name<crate::peer::PeerId> as Protocol>::Timer),)+
        }

        /// The parameters of a sampler of any kind.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum SamplingConfig {
            $(#[doc = $about] $name($config),)+
        }

        impl SamplingConfig {
            /// The sampler of the node `me`, which knows nobody yet.
            ///
            /// # Errors
            /// A parameter that makes no sense.
            pub fn build<P: Peer>(self, me: P) -> Result<AnySampler<P>, ConfigError> {
                Ok(match self {
                    $(Self::$name(config) => {
                        let make: fn(P, $config) -> Result<$name<P>, ConfigError> = $make;
                        AnySampler::$name(make(me, config)?)
                    })+
                })
            }
        }

        $(impl<P: Peer> Embeds<$name<P>> for AnySampler<P> {
            fn message(message: <$name<P> as Protocol>::Message) -> AnyMessage<P> {
                AnyMessage::$name(message)
            }

            fn timer(timer: <$name<P> as Protocol>::Timer) -> AnyTimer {
                AnyTimer::$name(timer)
            }
        })+

        impl<P: Peer> AnyMessage<P> {
            const CLASS_LISTS: &'static [&'static [&'static str]] =
                &[$(<<$name<P> as Protocol>::Message as Message>::CLASSES,)+];
            const CLASS_NAMES: [&'static str; CLASS_SLOTS] = joined(Self::CLASS_LISTS);
            const CLASS_COUNT: usize = 0 $(+ <<$name<P> as Protocol>::Message as Message>::CLASSES.len())+;
        }

        impl<P: Peer> Message for AnyMessage<P> {
            const CLASSES: &'static [&'static str] = Self::CLASS_NAMES.split_at(Self::CLASS_COUNT).0;

            fn class(&self) -> usize {
                let (list, class) = match self {
                    $(Self::$name(message) => ($tag, message.class()),)+
                };
                Self::CLASS_LISTS[..list].iter().map(|classes| classes.len()).sum::<usize>() + class
            }

            fn encoded_len(&self) -> usize {
                1 + match self { $(Self::$name(message) => message.encoded_len(),)+ }
            }

            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(message) => {
                        out.push($tag);
                        message.encode(out);
                    })+
                }
            }

            fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                Reader::new(bytes)?;
                let (&tag, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
                match tag {
                    $($tag => Message::decode(rest).map(Self::$name),)+
                    _ => Err(DecodeError::UnknownTag),
                }
            }

            fn signatures(&self) -> usize {
                match self { $(Self::$name(message) => message.signatures(),)+ }
            }
        }

        impl<P: Peer> Protocol for AnySampler<P> {
            type Peer = P;
            type Message = AnyMessage<P>;
            type Timer = AnyTimer;
            type Command = Introduce<P>;
            type Event = SamplingEvent<P>;

            fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
                match self {
                    $(Self::$name(sampler) => {
                        let input = match input {
                            Input::Message { from, message: AnyMessage::$name(message) } => {
                                Some(Input::Message { from, message })
                            }
                            Input::Timer(AnyTimer::$name(timer)) => Some(Input::Timer(timer)),
                            Input::Message { .. } | Input::Timer(_) => None,
                            Input::Start => Some(Input::Start),
                            Input::Command(command) => Some(Input::Command(command)),
                            Input::PeerUp(peer) => Some(Input::PeerUp(peer)),
                            Input::PeerDown(peer) => Some(Input::PeerDown(peer)),
                            Input::Stop => Some(Input::Stop),
                        };
                        let told = input.map(|input| give::<Self, _, _>(sampler, now, input, context));
                        told.into_iter().flatten().for_each(|event| context.emit(event));
                    })+
                }
            }
        }

        impl<P: Peer> PeerSampling for AnySampler<P> {
            fn view(&self) -> Vec<P> {
                match self { $(Self::$name(sampler) => sampler.view(),)+ }
            }

            fn samples(&self) -> Vec<P> {
                match self { $(Self::$name(sampler) => sampler.samples(),)+ }
            }

            fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P> {
                match self { $(Self::$name(sampler) => sampler.sample(rng),)+ }
            }
        }
    };
}

/// More classes than all members have.
const CLASS_SLOTS: usize = 64;

// Tags count up from 0 in the order of the lines, and are what the wire carries.
samplers! {
    0 Newscast, NewscastConfig, |_, config| Newscast::new(config), "Newscast.";
    1 Cyclon, CyclonConfig, |_, config| Cyclon::new(config), "Cyclon.";
    2 Framework, FrameworkConfig, |_, config| Framework::new(config), "The peer-sampling framework.";
    3 HyParView, HyParViewConfig, |_, config| HyParView::new(config), "HyParView.";
    4 Brahms, BrahmsConfig, |_, config| Brahms::new(config), "Brahms.";
    5 Basalt, BasaltConfig, |_, config| Basalt::new(config), "BASALT.";
    6 PeerSwap, PeerSwapConfig, |me, config| PeerSwap::new(me, config).map_err(parameter), "PeerSwap.";
}

fn parameter(error: SwapError) -> ConfigError {
    match error {
        SwapError::Degree => ConfigError { parameter: "degree", must: "within 1 and 64" },
        SwapError::Rate => ConfigError { parameter: "rate", must: "within 0 and 1,000,000 per second" },
        SwapError::Lease => ConfigError { parameter: "lease", must: "at least 1 us" },
    }
}
