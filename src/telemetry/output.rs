//! Standard error, for the log: lines are gathered for [`GATHER`] and written together by a thread of its own, so that no
//! request waits for the kernel: [`super::lines`] has what that saves.
//!
//! No line is lost, cut or overtaken by a later one. Where the reader of the log is slow, requests wait for room, as they would
//! for the pipe itself; a warning or an error is written before the program goes on, with everything before it, and so is what
//! waits when the program ends or panics. A process that is killed loses what it gathered last.

use std::io::Write as _;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a line waits for others.
const GATHER: Duration = Duration::from_millis(10);
/// So much is written without waiting for more.
const ENOUGH: usize = 64 * 1024;
/// So much may wait. A longer line goes alone.
const ROOM: usize = 2 * ENOUGH;

static STANDARD_ERROR: Output = Output::new(|bytes| {
    // A standard error that is gone is no reason to end.
    std::io::stderr().lock().write_all(bytes).unwrap_or_default();
});

/// What waits to be written, and those who wait for it.
struct Output {
    waiting: Mutex<Waiting>,
    /// For the thread that writes: there is a line, or enough of them.
    arrived: Condvar,
    /// For everybody else: something was written.
    written: Condvar,
    write: fn(&[u8]),
}

struct Waiting {
    lines: Vec<u8>,
    /// What was taken is being written, by whoever took it. What comes after must not overtake it.
    writing: bool,
    /// The thread waits for a first line and has to be woken for it.
    asleep: bool,
    /// There is such a thread.
    served: bool,
}

/// Starts the thread that writes. Until then, and if it cannot be started, each line is written by the one who has it.
pub(super) fn start() {
    let thread = std::thread::Builder::new()
        .name("log".to_owned())
        .stack_size(128 * 1024);
    STANDARD_ERROR.waiting().served = thread.spawn(|| STANDARD_ERROR.serve()).is_ok();
}

/// Writes a line, which ends in a line feed: soon, or at once if it is urgent.
pub(super) fn line(line: &[u8], urgent: bool) {
    STANDARD_ERROR.line(line, urgent);
}

/// Writes what waits. Before the process ends, and before anybody else writes to standard error.
pub fn flush() {
    STANDARD_ERROR.flush();
}

impl Output {
    const fn new(write: fn(&[u8])) -> Self {
        let waiting = Waiting {
            lines: Vec::new(),
            writing: false,
            asleep: false,
            served: false,
        };
        Self {
            waiting: Mutex::new(waiting),
            arrived: Condvar::new(),
            written: Condvar::new(),
            write,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, line: &[u8], urgent: bool) {
        let mut waiting = self.waiting();
        while !waiting.lines.is_empty() && waiting.lines.len() + line.len() > ROOM {
            drop(waiting);
            self.flush();
            waiting = self.waiting();
        }
        let before = waiting.lines.len();
        waiting.lines.extend_from_slice(line);
        let enough = before < ENOUGH && waiting.lines.len() >= ENOUGH;
        if urgent || !waiting.served {
            // The thread sleeps on: the next line is the one to wake it.
            drop(waiting);
            self.flush();
            return;
        }
        // Waking is a system call; while lines come, the thread looks for them itself.
        let wake = std::mem::take(&mut waiting.asleep) || enough;
        drop(waiting);
        if wake {
            self.arrived.notify_one();
        }
    }

    fn flush(&self) {
        let free = self.written.wait_while(self.waiting(), |waiting| waiting.writing);
        let mut waiting = free.unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.is_empty() {
            return;
        }
        let mut lines = std::mem::take(&mut waiting.lines);
        waiting.writing = true;
        drop(waiting);
        (self.write)(&lines);
        lines.clear();
        let mut waiting = self.waiting();
        waiting.writing = false;
        // Its room is used again, except for that of a line which went alone.
        if waiting.lines.is_empty() && lines.capacity() <= 2 * ROOM {
            waiting.lines = lines;
        }
        drop(waiting);
        self.written.notify_all();
    }

    fn serve(&self) {
        loop {
            self.round();
        }
    }

    fn round(&self) {
        let mut waiting = self.waiting();
        waiting.asleep = waiting.lines.is_empty();
        let waiting = self
            .arrived
            .wait_while(waiting, |waiting| waiting.asleep && waiting.lines.is_empty());
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.asleep = false;
        let few = |waiting: &mut Waiting| waiting.lines.len() < ENOUGH;
        let gathered = self.arrived.wait_timeout_while(waiting, GATHER, few);
        drop(gathered.unwrap_or_else(PoisonError::into_inner));
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, and an output that writes there. A function has no surroundings, so each test has its own.
    macro_rules! output {
        ($sink:ident, $output:ident) => {
            static $sink: Mutex<Vec<u8>> = Mutex::new(Vec::new());
            static $output: Output = Output::new(|bytes| $sink.lock().unwrap().extend_from_slice(bytes));
        };
    }

    fn text(sink: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(sink.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn every_line_is_written_whole_and_in_order() {
        output!(SINK, OUTPUT);
        OUTPUT.waiting().served = true;
        std::thread::spawn(|| OUTPUT.serve());
        let writer = |name: char| {
            move || {
                for number in 0..20_000 {
                    OUTPUT.line(format!("{name} {number}\n").as_bytes(), number % 4000 == 0);
                }
            }
        };
        let writers: Vec<_> = "abcd".chars().map(|name| std::thread::spawn(writer(name))).collect();
        for writer in writers {
            writer.join().unwrap();
        }
        OUTPUT.flush();
        let text = text(&SINK);
        assert_eq!(text.lines().count(), 80_000);
        for name in "abcd".chars() {
            let own = text
                .lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            assert!(own.map(|number| number.parse::<i32>().unwrap()).eq(0..20_000), "{name}");
        }
    }

    #[test]
    fn a_line_is_written_soon_without_anybody_asking() {
        output!(SINK, OUTPUT);
        OUTPUT.waiting().served = true;
        OUTPUT.line(b"soon\n", false);
        assert_eq!(text(&SINK), "");
        OUTPUT.round();
        assert_eq!(text(&SINK), "soon\n");
    }

    #[test]
    fn an_urgent_line_is_written_at_once_after_all_before_it() {
        output!(SINK, OUTPUT);
        OUTPUT.waiting().served = true;
        OUTPUT.line(b"first\n", false);
        OUTPUT.line(b"second\n", true);
        assert_eq!(text(&SINK), "first\nsecond\n");
    }

    #[test]
    fn a_line_after_an_urgent_one_wakes_the_thread() {
        output!(SINK, OUTPUT);
        OUTPUT.waiting().served = true;
        std::thread::spawn(|| OUTPUT.serve());
        while !OUTPUT.waiting().asleep {
            std::thread::yield_now();
        }
        OUTPUT.line(b"urgent\n", true);
        OUTPUT.line(b"ordinary\n", false);
        let begun = std::time::Instant::now();
        while text(&SINK) != "urgent\nordinary\n" {
            assert!(begun.elapsed().as_secs() < 20, "{}", text(&SINK));
            std::thread::yield_now();
        }
    }

    #[test]
    fn where_nobody_writes_the_caller_does() {
        output!(SINK, OUTPUT);
        OUTPUT.line(b"no thread\n", false);
        assert_eq!(text(&SINK), "no thread\n");
        // There is one, and it does not come to it: the room is bounded.
        OUTPUT.waiting().served = true;
        let line = [b'x'; 1000];
        for _ in 0..1000 {
            OUTPUT.line(&line, false);
            assert!(OUTPUT.waiting().lines.len() <= ROOM);
        }
        let long = vec![b'y'; 2 * ROOM];
        OUTPUT.line(&long, false);
        OUTPUT.flush();
        assert_eq!(SINK.lock().unwrap().len(), 10 + 1_000_000 + long.len());
    }
}
