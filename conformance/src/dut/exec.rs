//! Any program as a DUT: it gets frames over a socket and gives back what its stack lets out.
//!
//! The program inherits one end of a pair of sockets as its standard input and answers requests there, one at a time;
//! `PROTOCOL.md` in the folder of this module describes them. What it writes to its outputs is for people, and quoted
//! when it fails. A program that ends, hangs or says what the protocol does not know is [`DutError::Gone`]; the next
//! `open` starts it again.

pub(in crate::dut) mod child;
mod message;
pub(in crate::dut) mod serve;
pub(in crate::dut) mod stream;
pub(in crate::dut) mod transport;

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::child::{Outputs, Program};
use self::message::{Answer, Hello, Request};
use self::transport::{Packets, Transport};
use super::linux::packet_pair;
use super::{Clock, Dut, DutError};
use crate::model::{
    Action, ConntrackEntry, CounterId, Counters, Dimension, Dimensions, EmittedFrame, Observation, Scenario,
    Step,
};

/// How long a program may take for one answer.
const BUDGET: Duration = Duration::from_secs(10);
/// Frames in one answer: more than the fragments of all datagrams that a step can bring about.
const MOST_FRAMES: usize = 1 << 16;

/// A program behind the protocol.
pub struct ExecDut {
    name: String,
    launch: Launch,
    budget: Duration,
    hello: Hello,
    connection: Option<Connection>,
    /// When the last step was taken, by the program's own clock.
    clock: Option<Clock>,
    /// When the scenario was opened.
    opened: Duration,
    buffer: Vec<u8>,
    datagram: Vec<u8>,
}

/// Starts the program.
pub(in crate::dut) type Launch = Box<dyn FnMut() -> Result<Connection, DutError> + Send>;

/// A running program and the way to it, which is closed first, so that the program ends by itself.
pub(in crate::dut) struct Connection {
    pub(in crate::dut) transport: Box<dyn Transport + Send>,
    pub(in crate::dut) program: Box<dyn Ending + Send>,
}

/// Whoever is at the other end.
pub(in crate::dut) trait Ending {
    /// Has it end, now that nobody talks to it any more, and tells how it ended and what it said last.
    fn end(&mut self) -> String;
}

impl Ending for Program {
    fn end(&mut self) -> String {
        Self::end(self)
    }
}

impl ExecDut {
    /// Starts `command`, as a shell reads it, and asks who it is.
    ///
    /// # Errors
    /// If it cannot be started, or does not speak the protocol.
    pub fn new(command: &str) -> Result<Self, DutError> {
        Self::with_budget(command, BUDGET)
    }

    /// The same with another limit for each answer.
    ///
    /// # Errors
    /// As for [`ExecDut::new`].
    pub fn with_budget(command: &str, budget: Duration) -> Result<Self, DutError> {
        let line = format!("exec {command}");
        let launch = move || {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(&line);
            launch(shell, budget)
        };
        Self::start(format!("exec:{command}"), Box::new(launch), budget)
    }

    /// A DUT called `name` behind whatever `launch` starts.
    pub(in crate::dut) fn start(name: String, launch: Launch, budget: Duration) -> Result<Self, DutError> {
        let hello = Hello {
            protocol: 0,
            name: String::new(),
            version: String::new(),
            dimensions: Vec::new(),
            cheap_counters: false,
        };
        let mut dut = Self {
            name,
            launch,
            budget,
            hello,
            connection: None,
            clock: None,
            opened: Duration::ZERO,
            buffer: Vec::new(),
            datagram: Vec::new(),
        };
        dut.connect()?;
        Ok(dut)
    }

    /// Starts the program and hears who it is.
    fn connect(&mut self) -> Result<(), DutError> {
        self.connection = Some((self.launch)()?);
        let request = Request::Hello { protocol: message::VERSION };
        self.send(&request)?;
        let mut nothing = Observation::default();
        let hello = self.receive::<Hello>(request.words(), self.budget, &mut nothing)?;
        if hello.protocol != message::VERSION {
            return Err(self.gone(&format!(
                "it speaks version {} of the protocol, not {}",
                hello.protocol,
                message::VERSION
            )));
        }
        self.clock = None;
        self.hello = hello;
        Ok(())
    }

    /// Ends the program and tells why.
    fn gone(&mut self, why: &str) -> DutError {
        let Some(Connection { mut program, transport }) = self.connection.take() else {
            return DutError::Gone(why.to_owned());
        };
        drop(transport);
        DutError::Gone(format!("{why} ({})", program.end()))
    }

    fn failed(&mut self, doing: &str, error: &io::Error) -> DutError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let budget = self.budget;
                self.gone(&format!("it did not answer within {budget:?} when asked {doing}"))
            }
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                self.gone(&format!("it ended when asked {doing}"))
            }
            _ => self.gone(&format!("it cannot be asked {doing}: {error}")),
        }
    }

    fn send(&mut self, request: &Request) -> Result<(), DutError> {
        self.datagram = serde_json::to_vec(request)
            .map_err(|error| DutError::Unsupported(format!("the scenario cannot be told: {error}")))?;
        self.transmit(request.words())
    }

    /// Sends `self.datagram`.
    fn transmit(&mut self, doing: &str) -> Result<(), DutError> {
        let Some(connection) = &mut self.connection else {
            return Err(DutError::Gone("it is not running".to_owned()));
        };
        let transport = &mut connection.transport;
        match transport.send(&self.datagram).and_then(|()| transport.flush()) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(doing, &error)),
        }
    }

    /// Receives frames into `observation`, and what ends the answer.
    fn receive<T: serde::de::DeserializeOwned>(
        &mut self,
        doing: &str,
        budget: Duration,
        observation: &mut Observation,
    ) -> Result<T, DutError> {
        let started = Instant::now();
        loop {
            let Some(connection) = &mut self.connection else {
                return Err(DutError::Gone("it is not running".to_owned()));
            };
            match connection.transport.receive(&mut self.buffer) {
                Ok(true) => {}
                Ok(false) => return Err(self.gone(&format!("it ended when asked {doing}"))),
                // It may be told to wait for longer than for other answers.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && started.elapsed() < budget => {
                    continue;
                }
                Err(error) => return Err(self.failed(doing, &error)),
            }
            if self.buffer.first() != Some(&message::FRAME) {
                return match serde_json::from_slice(&self.buffer) {
                    Ok(answer) => Ok(answer),
                    Err(error) => Err(self.gone(&format!("it does not speak the protocol: {error}"))),
                };
            }
            let Some((interface, _, octets)) = message::parse_frame(&self.buffer) else {
                return Err(self.gone("it does not speak the protocol: a frame without a whole header"));
            };
            let interface = usize::from(interface);
            observation.frames.push(EmittedFrame { interface, octets: octets.to_vec() });
            if observation.frames.len() > MOST_FRAMES || started.elapsed() > budget {
                return Err(self.gone(&format!("it does not come to an end when asked {doing}")));
            }
        }
    }

    /// Receives the answer to anything but a hello.
    fn answer(
        &mut self,
        doing: &str,
        budget: Duration,
        observation: &mut Observation,
    ) -> Result<Answer, DutError> {
        let answer: Answer = self.receive(doing, budget, observation)?;
        match answer {
            Answer { unsupported: Some(why), .. } => Err(DutError::Unsupported(why)),
            Answer { failed: Some(why), .. } => Err(self.gone(&why)),
            answer => Ok(answer),
        }
    }

    fn ask(&mut self, request: &Request, observation: &mut Observation) -> Result<Answer, DutError> {
        self.send(request)?;
        self.answer(request.words(), self.budget, observation)
    }

    /// Sends a frame to the program and receives what comes of it.
    fn inject(
        &mut self,
        interface: usize,
        frame: &[u8],
        clock: Clock,
        observation: &mut Observation,
    ) -> Result<Answer, DutError> {
        let number = u8::try_from(interface)
            .map_err(|_| DutError::Unsupported(format!("there is no interface number {interface}")))?;
        self.datagram.clear();
        self.datagram.extend(message::frame_header(number, clock));
        self.datagram.extend_from_slice(frame);
        self.transmit("to take a frame")?;
        self.answer("to take a frame", self.budget, observation)
    }

    /// Puts what came into an order that does not depend on the program.
    fn finish(&mut self, answer: Answer, observation: &mut Observation) {
        if self.clock.is_some() {
            self.clock = answer.clock.map(Clock::from).or(self.clock);
        }
        answer.put_into(observation);
        observation.frames.sort_by_key(|frame| frame.interface);
    }
}

/// Starts `command` with one end of a pair of sockets as its standard input.
pub(in crate::dut) fn launch(mut command: Command, budget: Duration) -> Result<Connection, DutError> {
    let starting = |error: io::Error| DutError::Environment {
        what: format!("starting {}", command.get_program().to_string_lossy()),
        why: error.to_string(),
    };
    let (ours, theirs) = packet_pair().map_err(starting)?;
    let transport = Box::new(Packets::new(ours, Some(budget)).map_err(starting)?);
    command.stdin(Stdio::from(theirs));
    let program = Program::start(command, Outputs::Both).map_err(|error| DutError::Environment {
        what: "starting a program".to_owned(),
        why: error.to_string(),
    })?;
    Ok(Connection { program: Box::new(program), transport })
}

impl Dut for ExecDut {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> String {
        format!("{} {}", self.hello.name, self.hello.version)
    }

    fn dimensions(&self) -> Dimensions {
        self.hello.dimensions.iter().copied().fold(Dimensions::NONE, Dimensions::with)
    }

    fn open(&mut self, scenario: &Scenario) -> Result<(), DutError> {
        if self.connection.is_none() {
            self.connect()?;
        }
        let request = Request::Open(Box::new(scenario.clone()));
        let answer = self.ask(&request, &mut Observation::default())?;
        // Who tells the time has a clock of its own, and is not told.
        self.clock = answer.clock.map(Clock::from);
        self.opened = self.clock.map_or(Duration::ZERO, |clock| clock.monotonic);
        Ok(())
    }

    fn step(&mut self, step: &Step, clock: Clock, observation: &mut Observation) -> Result<(), DutError> {
        let answer = match &step.action {
            Action::Inject { interface, frame } => self.inject(*interface, frame, clock, observation)?,
            Action::Advance => {
                let at_ns = u64::try_from(step.at.as_nanos()).unwrap_or(u64::MAX);
                let request = Request::Advance { at_ns, clock: clock.into() };
                self.send(&request)?;
                let passed =
                    self.clock.map_or(Duration::ZERO, |now| now.monotonic.saturating_sub(self.opened));
                // A program with a clock of its own really waits.
                let wait = if self.clock.is_some() { step.at.saturating_sub(passed) } else { Duration::ZERO };
                self.answer(request.words(), self.budget + wait, observation)?
            }
            Action::Socket { socket, action } => {
                let request = Request::Socket { socket: *socket, clock: clock.into(), action: action.into() };
                self.ask(&request, observation)?
            }
        };
        self.finish(answer, observation);
        Ok(())
    }

    fn clock(&self) -> Option<Clock> {
        self.clock
    }

    fn counters(&mut self, counters: &mut Counters) -> Result<(), DutError> {
        if !self.dimensions().contains(Dimension::Counters) {
            return Err(DutError::Unsupported("it counts nothing".to_owned()));
        }
        let answer = self.ask(&Request::Counters {}, &mut Observation::default())?;
        for (name, value) in answer.counters.iter().flatten() {
            let Some(id) = CounterId::by_name(name) else {
                return Err(
                    self.gone(&format!("it does not speak the protocol: no counter is called {name}"))
                );
            };
            counters.add(id, *value);
        }
        Ok(())
    }

    fn counters_are_cheap(&self) -> bool {
        self.hello.cheap_counters
    }

    fn conntrack(&mut self) -> Result<Vec<ConntrackEntry>, DutError> {
        if !self.dimensions().contains(Dimension::Conntrack) {
            return Err(DutError::Unsupported("it does not track connections".to_owned()));
        }
        let answer = self.ask(&Request::Conntrack {}, &mut Observation::default())?;
        Ok(answer.table().unwrap_or_default())
    }
}

/// Serves `dut` on standard input until the other side is gone: what [`ExecDut`] starts can be this.
///
/// # Errors
/// If standard input is no socket, or the other side cannot be heard or told.
pub fn serve_on_standard_input(dut: &mut dyn Dut) -> io::Result<()> {
    use std::os::fd::AsFd;
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    serve::serve(dut, &mut Packets::new(socket, None)?)
}
