//! The master key in a file of its own.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::{Zeroize, Zeroizing};

use super::{
    random,
    seal::{InvalidMasterKey, MasterKey, hex},
};

impl MasterKey {
    /// Reads the key file at `path`, or creates it with a new key when there is none.
    ///
    /// The file appears complete and with mode 0600 or not at all, so that nodes starting together on a shared
    /// volume agree on one key. A file that others can read is refused rather than repaired: it may have been
    /// read already.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        match fs::File::open(path) {
            Ok(file) => read_key_file(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate();
                if Self::create(path, &key)? {
                    return Ok(key);
                }
                let opened = fs::File::open(path).map_err(|error| KeyFileError::io("read", path, error))?;
                read_key_file(path, opened)
            }
            Err(error) => Err(KeyFileError::io("read", path, error)),
        }
    }

    /// Writes `key` to a new key file at `path`, complete and with mode 0600. `false`: there is one already.
    pub fn create(path: &Path, key: &Self) -> Result<bool, KeyFileError> {
        create_key_file(path, key)
    }
}

/// The key file cannot be used. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others than the owner can reach it.
    #[error("the key file {path} has mode {mode:04o}, so others than its owner may read it; run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("the key file {path} does not hold a key: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What a key looks like.
        source: InvalidMasterKey,
    },
    /// The file system said no.
    #[error("cannot {action} the key file {path}: {source}")]
    Io {
        /// `read` or `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl KeyFileError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// Enough for any spelling of a key; the rest of a larger file is never read.
const MAX_KEY_FILE: u64 = 1024;

/// The mode is that of the opened file, not of whatever the path names a moment later.
fn read_key_file(path: &Path, file: fs::File) -> Result<MasterKey, KeyFileError> {
    let failed = |error| KeyFileError::io("read", path, error);
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_KEY_FILE).read_to_string(&mut text).map_err(failed)?;
    MasterKey::parse(&text).map_err(|source| KeyFileError::Invalid {
        path: path.to_owned(),
        source,
    })
}

/// Writes a complete file under a temporary name, then links it to `path`, which fails if another process was first.
fn create_key_file(path: &Path, key: &MasterKey) -> Result<bool, KeyFileError> {
    let failed = |error| KeyFileError::io("create", path, error);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    let temporary = folder.join(format!(".{}.tmp", hex(&random::bytes::<8>())));
    let linked = write_new(&temporary, key).and_then(|()| fs::hard_link(&temporary, path));
    // Left behind only if this fails too; it then holds a key that nothing was sealed under.
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => {
            fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn write_new(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let mut line = key.expose_base64();
    line.push('\n');
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
    line.zeroize();
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_file_is_created_once_private_and_then_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("master.key");
        let created = MasterKey::load_or_create(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            MasterKey::load_or_create(&path).unwrap().expose_base64(),
            created.expose_base64()
        );
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn processes_that_start_together_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let ids: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| MasterKey::load_or_create(&path).unwrap().id()))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[test]
    fn an_exposed_or_foreign_file_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::load_or_create(&path).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let message = MasterKey::load_or_create(&path).unwrap_err().to_string();
            assert!(message.contains("chmod 600"), "{message}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for content in ["not a key\n", ""] {
            fs::write(&path, content).unwrap();
            let message = MasterKey::load_or_create(&path).unwrap_err().to_string();
            assert!(message.contains("does not hold a key"), "{message}");
        }
    }
}
