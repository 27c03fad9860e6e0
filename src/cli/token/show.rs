//! What a person sees while the program waits for them: on standard error, since the token goes to standard output.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::device::Started;
use crate::cli::output;

/// How often the remaining time is drawn.
const TICK: Duration = Duration::from_secs(1);

/// Black on white whatever the terminal's own colours are: scanners want it so.
const PAPER: &str = "\u{1b}[30;107m";
const PLAIN: &str = "\u{1b}[0m";

/// Says what to do, with a QR code if this is a terminal.
pub fn what_to_do(started: &Started, qr: bool) {
    let mut lines = format!(
        "Open this address on any device:  {}\nand enter this code:              {}\n",
        output::clean(&started.verification_uri),
        output::clean(&started.user_code)
    );
    if let Some(complete) = started.verification_uri_complete.as_deref() {
        if qr && stderr().is_terminal() {
            lines.extend(qr_code(complete).map(|code| format!("\nor scan:\n\n{code}")));
        } else {
            lines.push_str(&format!(
                "or open:                          {}\n",
                output::clean(complete)
            ));
        }
    }
    say(&format!("{lines}\n"));
}

/// Two modules a character; `None` for an address too long to be scanned off a screen.
fn qr_code(address: &str) -> Option<String> {
    const MAX: usize = 300;
    if address.len() > MAX {
        return None;
    }
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let drawn = code.render::<Dense1x2>().build();
    Some(drawn.lines().map(|line| format!("  {PAPER}{line}{PLAIN}\n")).collect())
}

/// The wait, drawn on one line if there is a terminal to draw on.
pub struct Progress {
    drawn: bool,
    terminal: bool,
    turns: usize,
}

impl Progress {
    /// Nothing is drawn yet.
    pub fn new() -> Self {
        let terminal = stderr().is_terminal();
        if !terminal {
            say("Waiting for the confirmation …\n");
        }
        Self {
            drawn: false,
            terminal,
            turns: 0,
        }
    }

    /// Waits for `pause`. `false`: the deadline passes before that.
    pub async fn pause(&mut self, pause: Duration, deadline: Instant) -> bool {
        let until = Instant::now() + pause;
        loop {
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            self.draw(deadline - now);
            if now >= until {
                return true;
            }
            tokio::time::sleep(TICK.min(until - now).min(deadline - now)).await;
        }
    }

    fn draw(&mut self, left: Duration) {
        if self.terminal {
            let wheel = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧'][self.turns % 8];
            let (minutes, seconds) = (left.as_secs() / 60, left.as_secs() % 60);
            say(&format!(
                "\r{wheel} Waiting for the confirmation, {minutes}:{seconds:02} left  "
            ));
            self.turns += 1;
            self.drawn = true;
        }
    }

    /// Wipes the line.
    pub fn end(self, confirmed: bool) {
        if self.drawn {
            say("\r\u{1b}[K");
        }
        if confirmed {
            say("Confirmed.\n");
        }
    }
}

/// A standard error that is gone is no reason to stop.
fn say(text: &str) {
    let mut stream = stderr().lock();
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_a_square_with_a_quiet_zone() {
        let code = qr_code("https://id.example.com/device?user_code=WDJB-MJHT").unwrap();
        let rows: Vec<&str> = code
            .lines()
            .map(|line| line.trim_start().trim_start_matches(PAPER).trim_end_matches(PLAIN))
            .collect();
        let width = rows[0].chars().count();
        assert_eq!(rows.len(), width.div_ceil(2));
        assert!(rows.iter().all(|row| row.chars().count() == width));
        assert!(
            rows[0].chars().all(|module| module == ' '),
            "four light modules all round"
        );
        assert!(qr_code(&"x".repeat(400)).is_none());
    }
}
