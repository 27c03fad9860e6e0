//! The file of a client's picture.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::text;
use crate::logos::picture::{MAX_BYTES, Picture};

/// Reads and checks a picture.
pub fn read(path: &Path) -> anyhow::Result<Picture> {
    let image = text::read(path, MAX_BYTES as u64)?;
    Picture::inspect(image).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logo.png");
        let image = include_bytes!("../../../static/demo-app.png").to_vec();
        std::fs::write(&path, &image).unwrap();
        let picture = read(&path).unwrap();
        assert_eq!((picture.media_type, picture.image), ("image/png", image));
        std::fs::write(&path, "<svg/>").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("logo.png: the picture must be"), "{error}");
        assert!(read(&dir.path().join("none.png")).is_err());
    }
}
