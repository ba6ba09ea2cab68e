//! What goes through the pipes of a program.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::process::ChildStdin;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

/// Longest piece of output handed over at once, so that a program that never ends its line cannot fill the memory.
pub const LONGEST_LINE: usize = 1 << 20;

/// How much output is read at once where lines do not matter: what a pipe holds.
const BLOCK: usize = 64 << 10;

/// How much a program is handed before its output is read: what the smallest pipe holds.
const SHORT_INPUT: usize = 4 << 10;

type Pipe = Box<dyn Read + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Hands over line by line.
pub fn lines(pipe: Pipe, stream: Stream, sender: SyncSender<(Stream, Vec<u8>)>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match (&mut pipe).take(LONGEST_LINE as u64).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if sender.send((stream, line)).is_err() => return,
                Ok(_) => {}
            }
        }
    })
}

/// Hands over as it comes.
pub fn blocks(pipe: Pipe, stream: Stream, sender: SyncSender<(Stream, Vec<u8>)>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = pipe;
        let mut block = vec![0; BLOCK];
        loop {
            match pipe.read(&mut block) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return,
                Ok(length) if sender.send((stream, block[..length].to_vec())).is_err() => return,
                Ok(_) => {}
            }
        }
    })
}

/// Writes what a program reads. What fits a pipe is there at once; more is written while its output is read.
pub fn feed(mut pipe: ChildStdin, input: &str) {
    // One that exits without reading is not our error; its output will tell.
    if input.len() <= SHORT_INPUT {
        let _ = pipe.write_all(input.as_bytes());
        return;
    }
    let input = input.to_owned();
    std::thread::spawn(move || {
        let _ = pipe.write_all(input.as_bytes());
    });
}
