//! Probes: the closed forms of the estimators, and pongs that nobody asked for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::overlay::probe::{ProbeConfig, Prober};
use rapprochement_core::overlay::refusals::Refusal;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Duration;

use crate::at;

const PEER: SimPeer = SimPeer(1);

fn prober() -> (Prober<SimPeer>, ChaCha8Rng) {
    (Prober::new(ProbeConfig::default()), ChaCha8Rng::seed_from_u64(1))
}

/// Probes at these seconds that are answered after so many milliseconds; `None` is lost.
fn after(rounds: &[Option<u64>]) -> Prober<SimPeer> {
    let (mut prober, mut rng) = prober();
    for (round, answer) in rounds.iter().enumerate() {
        let start = 10_000 * round as u64;
        let nonce = prober.ping(at(start), PEER, &mut rng).unwrap();
        match answer {
            Some(millis) => {
                assert_eq!(prober.pong(at(start + millis), PEER, nonce), Ok(Duration::from_millis(*millis)));
            }
            None => assert_eq!(prober.expire(at(start + 9_000)), [PEER]),
        }
    }
    prober
}

#[test]
fn the_timeout_is_that_of_rfc_6298() {
    let deadline = |rounds: &[Option<u64>]| {
        let mut prober = after(rounds);
        let now = at(10_000 * rounds.len() as u64);
        prober.ping(now, PEER, &mut ChaCha8Rng::seed_from_u64(2)).unwrap();
        prober.next_deadline().unwrap().since(now)
    };
    let millis = Duration::from_millis;
    assert_eq!(deadline(&[]), millis(1_000));
    // SRTT = R, RTTVAR = R/2: R + 4 R/2.
    assert_eq!(deadline(&[Some(100)]), millis(300));
    // RTTVAR = 3/4 50 + 1/4 |100 - 180| = 57.5, SRTT = 7/8 100 + 1/8 180 = 110.
    assert_eq!(deadline(&[Some(100), Some(180)]), millis(340));
    assert_eq!(deadline(&[Some(1)]), millis(200));
    // Doubled per loss in a row, up to the ceiling.
    assert_eq!(deadline(&[Some(100), None]), millis(600));
    assert_eq!(deadline(&[Some(100), None, None, None, None, None]), millis(3_000));
}

#[test]
fn jitter_is_that_of_rfc_3550_and_the_least_is_of_the_last_four() {
    let prober = after(&[Some(100), Some(180), Some(20), Some(90), Some(95), Some(95)]);
    let link = prober.link(PEER).unwrap();
    let mut jitter = 0.0;
    for difference in [80.0, 160.0, 70.0, 5.0, 0.0] {
        jitter += (difference - jitter) / 16.0;
    }
    assert!((link.jitter().as_secs_f64() * 1e3 - jitter).abs() < 1e-4);
    assert_eq!(link.least(), Some(Duration::from_millis(20)));
    let later = after(&[Some(20), Some(100), Some(90), Some(95), Some(97)]);
    assert_eq!(later.link(PEER).unwrap().least(), Some(Duration::from_millis(90)));
}

#[test]
fn few_losses_are_loss_and_many_are_downtime() {
    let lossy = after(&[Some(50), None, Some(50), Some(50)]);
    let link = lossy.link(PEER).unwrap();
    assert!((link.loss() - 0.25).abs() < 0.01 && (link.uptime() - 0.75).abs() < 0.01);
    assert_eq!(link.session(), Some(Duration::from_secs(30)));
    let down = after(&[Some(50), None, None, None, Some(50), Some(50)]);
    let link = down.link(PEER).unwrap();
    assert!(link.loss() == 0.0 && (link.uptime() - 0.5).abs() < 0.01);
    assert_eq!(link.session(), Some(Duration::from_secs(10)));
}

#[test]
fn an_answer_of_an_hour_ago_counts_half() {
    let (mut prober, mut rng) = prober();
    let nonce = prober.ping(at(0), PEER, &mut rng).unwrap();
    prober.pong(at(0), PEER, nonce).unwrap();
    let hour = 3_600_000;
    prober.ping(at(hour - 200), PEER, &mut rng).unwrap();
    assert_eq!(prober.expire(at(hour)), [PEER]);
    // One hit of weight 1/2 and a miss of weight 1.
    assert!((prober.link(PEER).unwrap().uptime() - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn pongs_that_nobody_asked_for_change_nothing() {
    let (mut prober, mut rng) = prober();
    let nonce = prober.ping(at(0), PEER, &mut rng).unwrap();
    assert_eq!(prober.ping(at(0), PEER, &mut rng), None);
    assert_eq!(prober.pong(at(10), PEER, nonce ^ 1), Err(Refusal::UnknownNonce));
    assert_eq!(prober.pong(at(10), SimPeer(2), nonce), Err(Refusal::WrongSender));
    assert_eq!(prober.pong(at(20), PEER, nonce), Ok(Duration::from_millis(20)));
    assert_eq!(prober.pong(at(21), PEER, nonce), Err(Refusal::UnknownNonce));
    let late = prober.ping(at(1_000), PEER, &mut rng).unwrap();
    assert_eq!(prober.pong(at(9_000), PEER, late), Err(Refusal::UnknownNonce));
    assert_eq!(prober.expire(at(9_000)), [PEER]);
    assert_eq!(prober.link(PEER).unwrap().answers(), 1);
}

#[test]
fn what_is_kept_of_peers_is_bounded() {
    let config = ProbeConfig { peers_max: 10, pending_max: 4, ..ProbeConfig::default() };
    let (mut prober, mut rng) = (Prober::new(config), ChaCha8Rng::seed_from_u64(1));
    for peer in 0..100u32 {
        let sent = prober.ping(at(u64::from(peer)), SimPeer(peer), &mut rng).is_some();
        assert_eq!(sent, peer % 5 < 4);
        if peer % 5 == 4 {
            assert_eq!(prober.expire(at(1_000_000)).len(), 4);
        }
    }
    assert_eq!(prober.links().len(), 10);
    let floods = (0..20).filter(|_| prober.admit_ping(at(0), PEER).is_err()).count();
    assert_eq!(floods, 20 - config.ping_burst as usize);
}
