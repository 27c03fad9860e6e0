//! Whether machines keep their latency while people sign in: introspection alone, then beside connections that keep sending
//! whole sign-ins, each an argon2id hash.

use crate::contender::Contender as _;
use crate::load::{CONNECTIONS, drive};
use crate::measure::{Pace, Rounds, median};
use crate::ours::Ours;
use crate::process::{forget_peak_memory, peak_kib};

/// One server in this mix.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Whose.
    pub name: String,
    /// Round by round: introspection alone, introspection beside sign-ins, sign-ins.
    pub rounds: Vec<(Pace, Pace, Pace)>,
    /// The most resident memory while people signed in.
    pub peak_kib: u64,
}

impl Mix {
    /// The median over the rounds.
    pub fn median(&self, of: impl Fn(&(Pace, Pace, Pace)) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }

    /// How many times longer the p99 of introspection is beside sign-ins.
    pub fn stretch(&self) -> f64 {
        self.median(|(alone, beside, _)| beside.p99 / alone.p99)
    }
}

/// Measures one server.
pub async fn run(ours: &mut Ours, rounds: Rounds) -> anyhow::Result<Mix> {
    let (address, processes) = (ours.process.address, [ours.process.id()]);
    let mut lookups = ours.introspection(false, CONNECTIONS).await?;
    let mut sign_ins = ours.sign_ins();
    drive(address, &mut lookups, rounds.warm_up).await?;
    drive(address, &mut sign_ins, rounds.warm_up).await?;
    let length = rounds.length;
    let (mut measured, mut peak) = (Vec::new(), 0);
    for _ in 0..rounds.count {
        let alone = drive(address, &mut lookups, length).await?;
        forget_peak_memory(&processes);
        let both = tokio::join!(
            drive(address, &mut lookups, length),
            drive(address, &mut sign_ins, length)
        );
        let (beside, signed_in) = (both.0?, both.1?);
        peak = peak.max(peak_kib(&processes)?);
        measured.push((Pace::from(&alone), Pace::from(&beside), Pace::from(&signed_in)));
    }
    Ok(Mix {
        name: ours.name(),
        rounds: measured,
        peak_kib: peak,
    })
}
