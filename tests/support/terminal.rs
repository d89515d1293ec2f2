//! A command at a terminal of its own: what is typed reaches it as from a keyboard, Ctrl-C included.
//!
//! The terminal is `script`'s (util-linux), which has a controlling one made for the command.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{eventually, until};

pub(crate) const CTRL_C: &str = "\u{3}";

/// Killed when dropped.
pub(crate) struct Terminal {
    script: Child,
    keyboard: ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs the program under test with these arguments and variables.
    pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        // Nothing of them is for the shell to read: they come as variables and positions.
        let words = (0..arguments.len()).map(|number| format!("\"$TERMINAL_ARGUMENT_{number}\""));
        // Whoever starts the tests in the background has them ignore Ctrl-C, and all that they start.
        let mut line = vec!["exec env --default-signal=INT \"$TERMINAL_PROGRAM\"".to_owned()];
        line.extend(words);
        let line = line.join(" ");
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--flush", "--command", &line])
            .arg("/dev/null")
            .env("TERMINAL_PROGRAM", env!("CARGO_BIN_EXE_signalpost"))
            .env("SHELL", "/bin/sh");
        for (number, argument) in arguments.iter().enumerate() {
            command.env(format!("TERMINAL_ARGUMENT_{number}"), argument);
        }
        let mut script = command
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("util-linux's `script`");
        let keyboard = script.stdin.take().expect("stdin is piped");
        let mut output = script.stdout.take().expect("stdout is piped");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut piece = [0; 1024];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                let read = piece.get(..length).unwrap_or_default();
                shown.lock().expect("the screen").extend_from_slice(read);
            }
        });
        Self {
            script,
            keyboard,
            screen,
        }
    }

    pub(crate) fn screen(&self) -> String {
        let screen = self.screen.lock().expect("the screen");
        String::from_utf8_lossy(&screen).into_owned()
    }

    pub(crate) async fn until_shown(&self, text: &str) {
        until(&format!("{text:?} on the screen"), || {
            self.screen().contains(text)
        })
        .await;
    }

    pub(crate) fn types(&mut self, keys: &str) {
        let typed = self.keyboard.write_all(keys.as_bytes());
        typed.and_then(|()| self.keyboard.flush()).expect("typed");
    }

    /// The command's exit code, 128 and the signal's number where one ended it.
    pub(crate) async fn exit_code(&mut self) -> i32 {
        let mut ended = None;
        let script = &mut self.script;
        eventually("the command ends", || {
            ended = script.try_wait().expect("try_wait");
            std::future::ready(ended.is_some())
        })
        .await;
        let status = ended.expect("it has ended");
        status.code().expect("an exit code")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.script.kill();
        let _ended: Result<_, _> = self.script.wait();
    }
}
