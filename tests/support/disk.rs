//! A disk of one's own that can be filled: a small memory file system, where the system lets us mount one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Unmounted when dropped; whoever keeps files on it must be gone by then.
pub(crate) struct Disk {
    folder: tempfile::TempDir,
    mounted: bool,
}

impl Disk {
    /// None of it is a disk of its own where nothing may be mounted (tests run by an ordinary user).
    pub(crate) fn of_mebibytes(size: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        Self { folder, mounted }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn can_be_filled(&self) -> bool {
        self.mounted
    }

    /// Not a byte more fits.
    pub(crate) fn fill(&self) {
        let mut piece = vec![0_u8; 1 << 20];
        let mut ballast = std::fs::File::create(self.ballast()).expect("a file");
        while !piece.is_empty() {
            if std::io::Write::write_all(&mut ballast, &piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily: a process that was killed may take a moment to let go.
            let _unmounted: Result<_, _> =
                Command::new("umount").arg("-l").arg(self.path()).status();
        }
    }
}
