//! Gzip on all processors: one member, the same bytes for any number of threads and on any machine.
//!
//! Blocks of fixed length are compressed by themselves, each primed with the 32 KiB before it, ended by a sync flush (the
//! last one by the final block), and joined; the sums of the blocks are combined (RFC 1951, RFC 1952). Fewer than 1 % larger
//! than one stream, and memory holds a few blocks whatever the length.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Level of every archive and layer: the usual one of gzip, docker and helm.
const LEVEL: u32 = 6;
const BLOCK: usize = 256 << 10;
/// How far deflate looks back.
const WINDOW: usize = 32 << 10;
/// Magic, deflate, no flags, no time, no extra flags, unknown system: nothing of the machine.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A writer that compresses what is written to it. [`Gzip::finish`] must be called; without it the end is missing.
pub struct Gzip<W: Write> {
    out: W,
    /// The bytes before the block, then the block that is being filled.
    block: Vec<u8>,
    /// How many of its bytes are of blocks before.
    primed: usize,
    crc: Crc,
    length: u64,
    workers: Option<Workers>,
    /// The answers that are awaited, in order.
    awaited: VecDeque<Receiver<io::Result<Done>>>,
    threads: usize,
}

/// A block to compress: the bytes before it and its own.
struct Chunk {
    bytes: Vec<u8>,
    primed: usize,
    last: bool,
    answer: SyncSender<io::Result<Done>>,
}

/// A compressed block, the sum of what it was, and the buffer it came in.
struct Done {
    bytes: Vec<u8>,
    crc: Crc,
}

struct Workers {
    chunks: SyncSender<Chunk>,
    threads: Vec<JoinHandle<()>>,
}

impl<W: Write> Gzip<W> {
    /// On as many threads as there are processors.
    ///
    /// # Errors
    /// If the header cannot be written.
    pub fn new(out: W) -> io::Result<Self> {
        Self::with_threads(out, std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// On some threads.
    ///
    /// # Errors
    /// If the header cannot be written.
    pub fn with_threads(mut out: W, threads: usize) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        Ok(Self {
            out,
            block: Vec::with_capacity(WINDOW + BLOCK),
            primed: 0,
            crc: Crc::new(),
            length: 0,
            workers: None,
            awaited: VecDeque::new(),
            threads,
        })
    }

    /// Writes the rest and returns the writer.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        if self.workers.is_some() {
            self.send(true)?;
        } else {
            // One block: not worth a thread.
            let done = compress(&self.block, self.primed, true)?;
            self.take(done)?;
        }
        while !self.awaited.is_empty() {
            self.receive()?;
        }
        if let Some(workers) = self.workers.take() {
            drop(workers.chunks);
            for thread in workers.threads {
                thread.join().map_err(|_| io::Error::other("a thread that compresses ended"))?;
            }
        }
        self.out.write_all(&self.crc.sum().to_le_bytes())?;
        // The length modulo 2^32, as the format has it.
        self.out.write_all(&self.length.to_le_bytes()[..4])?;
        Ok(self.out)
    }

    /// Hands the block on; the next one begins with the window before it.
    fn send(&mut self, last: bool) -> io::Result<()> {
        if self.awaited.len() >= self.threads * 2 {
            self.receive()?;
        }
        let mut next = Vec::with_capacity(WINDOW + BLOCK);
        next.extend_from_slice(&self.block[self.block.len().saturating_sub(WINDOW)..]);
        let primed = std::mem::replace(&mut self.primed, next.len());
        let bytes = std::mem::replace(&mut self.block, next);
        let (answer, awaited) = sync_channel(1);
        let chunk = Chunk { bytes, primed, last, answer };
        let threads = self.threads;
        let workers = self.workers.get_or_insert_with(|| Workers::start(threads));
        workers.chunks.send(chunk).map_err(|_| io::Error::other("the threads that compress ended"))?;
        self.awaited.push_back(awaited);
        Ok(())
    }

    fn receive(&mut self) -> io::Result<()> {
        let Some(awaited) = self.awaited.pop_front() else { return Ok(()) };
        let done = awaited.recv().map_err(|_| io::Error::other("a thread that compresses ended"))??;
        self.take(done)
    }

    fn take(&mut self, done: Done) -> io::Result<()> {
        self.length += u64::from(done.crc.amount());
        self.crc.combine(&done.crc);
        self.out.write_all(&done.bytes)
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full block waits until more comes: only then it is known not to be the last one.
        if self.block.len() - self.primed == BLOCK && !bytes.is_empty() {
            self.send(false)?;
        }
        let room = BLOCK - (self.block.len() - self.primed);
        let taken = &bytes[..bytes.len().min(room)];
        self.block.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Flushing would make the bytes depend on when it is called.
        Ok(())
    }
}

impl Workers {
    fn start(count: usize) -> Self {
        let (chunks, taken) = sync_channel::<Chunk>(count.max(1) * 2);
        let taken = Arc::new(Mutex::new(taken));
        let work = |taken: Arc<Mutex<Receiver<Chunk>>>| {
            move || loop {
                let chunk = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(chunk) = chunk else { return };
                let done = compress(&chunk.bytes, chunk.primed, chunk.last);
                // The receiver is gone if writing failed.
                let _ = chunk.answer.send(done);
            }
        };
        let threads = (0..count.max(1)).map(|_| std::thread::spawn(work(Arc::clone(&taken)))).collect();
        Self { chunks, threads }
    }
}

/// One block by itself. A fresh state for each: what a state did before must not show in the bytes.
fn compress(bytes: &[u8], primed: usize, last: bool) -> io::Result<Done> {
    let (before, block) = bytes.split_at(primed);
    let mut crc = Crc::new();
    crc.update(block);
    let mut state = Compress::new(Compression::new(LEVEL), false);
    if !before.is_empty() {
        state.set_dictionary(before).map_err(io::Error::other)?;
    }
    let mut out = Vec::with_capacity(block.len() / 2 + 1024);
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    loop {
        let done = usize::try_from(state.total_in()).map_err(io::Error::other)?;
        let status = state.compress_vec(&block[done..], &mut out, flush).map_err(io::Error::other)?;
        // A flush is complete when room is left after it.
        let all_in = state.total_in() == block.len() as u64;
        if status == Status::StreamEnd || !last && all_in && out.len() < out.capacity() {
            return Ok(Done { bytes: out, crc });
        }
        out.reserve(64 << 10);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::digest::Digest;

    fn sample(length: usize) -> Vec<u8> {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state
        };
        // Half noise, half repetition, as executables are.
        (0..length).map(|at| if at % 64 < 32 { (next() >> 24) as u8 } else { b"longshore"[at % 9] }).collect()
    }

    fn zip(bytes: &[u8], threads: usize, piece: usize) -> Vec<u8> {
        let mut gzip = Gzip::with_threads(Vec::new(), threads).unwrap();
        for piece in bytes.chunks(piece) {
            gzip.write_all(piece).unwrap();
        }
        gzip.finish().unwrap()
    }

    fn check(length: usize) {
        let bytes = sample(length);
        let one = zip(&bytes, 1, 1 << 20);
        for (threads, piece) in [(2, 1000), (4, 1 << 16), (7, usize::MAX)] {
            assert_eq!(zip(&bytes, threads, piece), one, "{length} bytes on {threads} threads");
        }
        let mut back = Vec::new();
        // One member: this decoder stops after the first.
        let mut decoder = flate2::bufread::GzDecoder::new(one.as_slice());
        decoder.read_to_end(&mut back).unwrap();
        assert!(decoder.into_inner().is_empty(), "nothing after the member");
        assert_eq!(back, bytes);
    }

    #[test]
    fn same_bytes_for_any_number_of_threads() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 77] {
            check(length);
        }
    }

    /// A change of these bytes makes every layer new: raise the layer format with it.
    #[test]
    fn golden() {
        let digest = Digest::of(&zip(&sample(3 * BLOCK + 5), 2, 4096)).hex();
        assert_eq!(digest, "3c8a826419b6a5231e2eb82f98fd1045a9ba309f3c509217e289ca24d12d8fe9");
    }
}
